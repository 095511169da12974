"""`python -m benchmarks.speedrun`: the speed record's experiment over several seeds, in one process, timed.

What is compiled is compiled once and reported apart. For each seed it measures the initial state (with the whitening),
training from the first step to the last, and the test split with test-time augmentation; data lies on the device
before the clock starts. airbench's own clock counts whitening, training and evaluation, as `seconds` does here.
"""

import argparse
import dataclasses
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy import stats

from jaxflow.data.dataset import Dataset
from jaxflow.experiment import Experiment, load
from jaxflow.flags.override import override
from jaxflow.runs.environment import environment
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.prepare import build_pipeline, prepare_training


def measure(experiment: Experiment, dataset: Dataset, seeds: Sequence[int]) -> Iterator[dict[str, float]]:
    """Trains and evaluates an experiment once for each seed.

    Args:
      experiment: what to train; its own seed does not matter.
      dataset: its data.
      seeds: the runs' seeds.

    Yields:
      First {"compile_seconds"}: a step of each kind with its compilation. Then for each seed {"seed", "accuracy",
      "loss", "init_seconds", "train_seconds", "test_seconds", "seconds"}.
    """
    setup = prepare_training(experiment, dataset)
    program, test = setup.program, dataset.splits["test"]
    rows = program.evaluation_batch_size(test)
    eval_step = program.compile_eval_step()
    train_steps = program.compile_train_steps(setup.pipeline)

    def run(seed: int, steps: int) -> dict[str, float]:
        seeded = dataclasses.replace(setup, experiment=dataclasses.replace(experiment, seed=seed))
        # The resident data is the first seed's: only the order differs.
        feed = build_pipeline(dataset.splits["train"], seeded.experiment, program.layout)
        examples, totals = seeded.init_examples(), program.empty_metrics()
        seeded_program = dataclasses.replace(program, experiment=dataclasses.replace(program.experiment, seed=seed))
        state, init_seconds = timed(lambda: seeded_program.init(examples))

        def train() -> Any:
            trained, sums = state, totals
            for first in range(0, steps, feed.max_steps):
                count = min(feed.max_steps, steps - first)
                trained, sums, _ = train_steps(trained, sums, feed.device_data, feed.step_inputs(first, count), count)
            return trained

        trained, train_seconds = timed(train)
        metrics, test_seconds = timed(lambda: evaluate_split(eval_step, trained.variables(), test, rows))
        parts = {"init_seconds": init_seconds, "train_seconds": train_seconds, "test_seconds": test_seconds}
        return {"seed": seed, **metrics, **parts, "seconds": sum(parts.values())}

    yield {"compile_seconds": run(0, 1)["seconds"]}
    for seed in seeds:
        yield run(seed, program.total_steps)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Does some work, waits for its arrays, and says how many seconds it took."""
    begun = time.perf_counter()
    result = jax.block_until_ready(work())
    return result, time.perf_counter() - begun


def summary(values: Sequence[float]) -> dict[str, float]:
    """Sums up one number of several runs.

    Args:
      values: the runs' values.

    Returns:
      Mean, std (of a single run), min, max and, from Student's t, the 95% interval of the mean.
    """
    count, mean = len(values), float(np.mean(values))
    std = float(np.std(values, ddof=1)) if count > 1 else math.nan
    half = float(stats.t.ppf(0.975, count - 1)) * std / math.sqrt(count) if count > 1 else math.nan
    return {
        "mean": mean, "std": std, "min": min(values), "max": max(values), "low": mean - half, "high": mean + half,
    }  # fmt: skip


def airbench(script: Path, python: str) -> dict[str, Any]:
    """Runs airbench's own script in its folder.

    Args:
      script: airbench94_muon.py.
      python: an interpreter that has torch with CUDA, and torchvision.

    Returns:
      Accuracy and seconds of its runs, summed up, and the end of its output.

    Raises:
      RuntimeError: the script failed.
    """
    done = subprocess.run(
        [python, script.name], cwd=script.resolve().parent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
    runs = airbench_runs(done.stdout)
    return {
        "runs": len(runs),
        "accuracy": summary([accuracy for accuracy, _ in runs]),
        "seconds": summary([seconds for _, seconds in runs]),
        "output": done.stdout[-500:],
    }


def airbench_runs(output: str) -> list[tuple[float, float]]:
    """Reads (accuracy, seconds) of each run from airbench's table; the first run, its warm-up, is left out."""
    rows = re.findall(r"^\|.*\|\s+eval\s+\|.*\|\s+([\d.]+)\s+\|\s+([\d.]+)\s+\|$", output, re.MULTILINE)
    return [(float(accuracy), float(seconds)) for accuracy, seconds in rows[1:]]


def main() -> None:
    """Measures what the command line asks for; further flags change the experiment, as for launch.py."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speedrun", description=__doc__, allow_abbrev=False)
    parser.add_argument("--config", default="experiments/cifar_speedrun.py", help="the experiment's file")
    parser.add_argument("--seeds", type=int, default=20, help="how many runs (default 20)")
    parser.add_argument("--airbench", type=Path, help="airbench94_muon.py, to be run beside")
    parser.add_argument("--airbench-python", default=sys.executable, help="the interpreter that runs it")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/speedrun.json"), help="file for the results")
    flags, changes = parser.parse_known_args()
    experiment = override(load(flags.config), changes)
    dataset = experiment.data.load()
    device = jax.devices()[0]
    print(f"{flags.config} on {len(jax.devices())} x {device.device_kind}")
    runs, compiled = [], 0.0
    for result in measure(experiment, dataset, range(flags.seeds)):
        if "compile_seconds" in result:
            compiled = result["compile_seconds"]
            print(f"compilation and first steps: {compiled:.1f} s, in no other number")
            continue
        runs.append(result)
        print("  ".join(f"{name} {value:.4g}" for name, value in result.items()))
    names = ("accuracy", "init_seconds", "train_seconds", "test_seconds", "seconds")
    results: dict[str, Any] = {
        "device": device.device_kind,
        "devices": len(jax.devices()),
        "versions": environment()["versions"],
        "compile_seconds": compiled,
        "summary": {name: summary([run[name] for run in runs]) for name in names},
        "runs": runs,
    }
    _print(results["summary"])
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(json.dumps(results, indent=1) + "\n")  # before airbench, which may fail
    if flags.airbench:
        results["airbench"] = airbench(flags.airbench, flags.airbench_python)
        print(f"airbench, {results['airbench']['runs']} runs")
        _print({name: results["airbench"][name] for name in ("accuracy", "seconds")})
        flags.out.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {flags.out}")


def _print(summaries: dict[str, dict[str, float]]) -> None:
    print(f"{'':<16}" + "".join(f"{name:>10}" for name in ("mean", "std", "min", "max", "95% low", "high")))
    for name, numbers in summaries.items():
        print(f"{name:<16}" + "".join(f"{value:>10.4f}" for value in numbers.values()))


if __name__ == "__main__":
    main()
