"""jaxflow's own loop, whole: launch.py's settings, logging, checkpoints. It stands still between rounds.

Arguments: batch size, microbatch (0: none), width factor, image side, model (cnn, mlp or resnet), dtype, examples.
"""

import json
import sys
import tempfile
import time

from jaxflow.data.storage.cache import cache_folder
from jaxflow.runtime.startup import enable_compilation_cache, tune_allocator

tune_allocator()
enable_compilation_cache(cache_folder() / "programs")

import jax
import numpy as np

import jaxflow
from benchmarks.workers.protocol import images
from jaxflow.training.program import Program

BATCH, MICRO, WIDTH, SIDE = (int(argument) for argument in sys.argv[1:5])
MODEL, DTYPE, EXAMPLES = (*sys.argv[5:], *("cnn", "float32", "8192")[len(sys.argv) - 5 :])


def pausing(train_steps):
    """Wraps the loop's step: after a round's steps it waits for the state, answers, and sleeps until the next."""
    turn = {"left": 6, "steps": 0, "begun": time.perf_counter(), "cpu": time.process_time(), "each": 0.0}

    def step(state, totals, resident, items, count, factor):
        count = int(count)
        state, totals, last = train_steps(state, totals, resident, items, count, factor)
        turn["steps"] += count
        turn["left"] -= count
        if turn["left"] <= 0:
            jax.block_until_ready(state)
            seconds, cpu = time.perf_counter() - turn["begun"], time.process_time() - turn["cpu"]
            turn["each"] = seconds / turn["steps"] if turn["each"] else 0.05
            answer = {"examples": turn["steps"] * BATCH, "seconds": seconds, "cpu_seconds": cpu}
            print(json.dumps(answer), flush=True)
            line = sys.stdin.readline()
            if not line:
                sys.exit()
            turn.update(left=max(3, int(float(line.split()[1]) / turn["each"])), steps=0)
            turn.update(begun=time.perf_counter(), cpu=time.process_time())
        return state, totals, last

    return step


real = Program.compile_train_steps
Program.compile_train_steps = lambda self, *given: pausing(real(self, *given))
inputs, labels = images(int(EXAMPLES))
if SIDE != 32:
    inputs = np.resize(inputs, (len(inputs), SIDE, SIDE, 3))
models = {
    "cnn": jaxflow.CNN(widths=tuple(width * WIDTH for width in (32, 64, 64)), hidden=(64,), dtype=DTYPE),
    "mlp": jaxflow.MLP(hidden=(64,), dtype=DTYPE),
    "resnet": jaxflow.ResNet(dtype=DTYPE),
}
experiment = jaxflow.Experiment(
    data=jaxflow.Digits(),
    preprocess=(jaxflow.Scale(),),
    model=models[MODEL],
    problem=jaxflow.Classification(),
    optimizer=jaxflow.Adam(),
    batch_size=BATCH,
    microbatch=MICRO or None,
    epochs=100_000,
    # A checkpoint as often as in cifar_cnn; the others measure the loop alone.
    validate_every_epochs=45_000 / len(labels) if (MODEL, DTYPE) == ("cnn", "float32") else 100_000,
)
if MODEL == "mlp":
    inputs = inputs[:, :8, :8, :1]
with tempfile.TemporaryDirectory() as folder:
    dataset = jaxflow.from_arrays({"train": (inputs, labels)})
    jaxflow.train(experiment, f"{folder}/run", dataset=dataset)
