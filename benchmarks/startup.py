"""How long from a command to the first finished training step, in processes of their own."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# One batch of the CIFAR network through each framework's usual way.
KERAS = """
import sys; sys.argv = ["keras_train.py", "32"]
import benchmarks.workers.protocol as protocol
protocol.serve = lambda work, examples: work(1)
exec(open("benchmarks/workers/keras_train.py").read())
"""
TORCH = KERAS.replace("keras_train", "torch_train").replace('"32"', '"32", "channels_last"')
JAXFLOW = """
import time, sys
sys.argv = ["launch.py"]
import launch, jaxflow
from benchmarks.workers.protocol import images
from jaxflow.data.cache import cache_folder
from jaxflow.startup import keep_compiled_programs, keep_freed_memory
keep_freed_memory()
if CACHE: keep_compiled_programs(cache_folder() / "programs")
inputs, labels = images(64)
experiment = jaxflow.load("experiments/cifar_cnn.py")
from jaxflow.console import console
console.quiet = True
dataset = jaxflow.from_arrays({"train": (inputs[:32], labels[:32])}, classes="0123456789")
import dataclasses, tempfile
with tempfile.TemporaryDirectory() as folder:
    jaxflow.train(dataclasses.replace(experiment, epochs=1), folder + "/run", dataset=dataset)
"""


def first_steps(python: str | None, rounds: int) -> dict[str, float]:
    """Measures the time to a first step, in turns.

    Args:
      python: the peers' interpreter, or None.
      rounds: how often each is started, after once that does not count.

    Returns:
      By name, the median in seconds. jaxflow's includes its first checkpoint.
    """
    commands = {
        "jaxflow, warm caches": (sys.executable, JAXFLOW.replace("CACHE", "True")),
        "jaxflow, cold": (sys.executable, JAXFLOW.replace("CACHE", "False")),
    }
    if python:
        commands |= {"Keras on TensorFlow": (python, KERAS), "PyTorch": (python, TORCH)}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as cache:
        settings = {"JAXFLOW_CACHE_DIR": cache, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        for number in range(rounds + 1):
            for name, (interpreter, code) in commands.items():
                environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
                begun = time.perf_counter()
                subprocess.run([interpreter, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True)
                if number:
                    seconds[name].append(time.perf_counter() - begun)
    return {name: median(values) for name, values in seconds.items()}
