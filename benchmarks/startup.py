"""How long from a command to the first finished training step, in processes of their own."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# The CIFAR network on noise in memory, for everyone; each process ends with its first step.
EXPERIMENT = """
from dataclasses import dataclass
import jaxflow
from benchmarks.workers.protocol import images

@dataclass(frozen=True)
class GaussianNoise:
    def load(self):
        return jaxflow.from_arrays({"train": images()}, classes="0123456789")

def get_config():
    return jaxflow.Experiment(
        data=GaussianNoise(), preprocess=(jaxflow.Scale(),), model=jaxflow.CNN(), problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(), batch_size=32,
    )
"""
JAXFLOW = """
import os, sys
from jaxflow.commands import main

def first_step(train_steps):
    def step(*arguments):
        import jax
        jax.block_until_ready(train_steps(*arguments))
        os._exit(0)
    return step

def patched(arguments):
    prepare(arguments)
    from jaxflow.training.program import Program
    real = Program.compile_train_steps
    Program.compile_train_steps = lambda self, *given: first_step(real(self, *given))

prepare, main._prepare_process = main._prepare_process, patched
main.main(["train", "--quiet", "--config", sys.argv[1], "--workdir", sys.argv[2]])
"""
KERAS = """
import os, sys; sys.argv = ["keras_train.py", "32"]
import benchmarks.workers.protocol as protocol
protocol.serve = lambda work, examples: (work(1), os._exit(0))
exec(open("benchmarks/workers/keras_train.py").read())
"""
TORCH = KERAS.replace("keras_train", "torch_train").replace('"32"', '"32", "channels_last"')


def first_steps(python: str | None, rounds: int) -> dict[str, float]:
    """Measures the time to a first step, in turns.

    Args:
      python: the peers' interpreter, or None.
      rounds: how often each is started, after once that does not count.

    Returns:
      By name, the median in seconds.
    """
    contenders = {"jaxflow, warm caches": (sys.executable, JAXFLOW), "jaxflow, cold": (sys.executable, JAXFLOW)}
    if python:
        contenders |= {"Keras on TensorFlow": (python, KERAS), "PyTorch": (python, TORCH)}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        experiment = Path(folder, "noise.py")
        experiment.write_text(EXPERIMENT)
        settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(ROOT)}
        for number in range(rounds + 1):
            for name, (interpreter, code) in contenders.items():
                cache = f"{folder}/cache-{number if name == 'jaxflow, cold' else 'warm'}"
                command = [interpreter, "-c", code, str(experiment), f"{folder}/{name}-{number}"]
                environment = os.environ | settings | {"JAXFLOW_CACHE_DIR": cache}
                begun = time.perf_counter()
                subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
                if number:
                    seconds[name].append(time.perf_counter() - begun)
    return {name: median(values) for name, values in seconds.items()}
