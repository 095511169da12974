"""A contender is a process that waits, works for a while when told to, and says what it did.

Workers are told `run SECONDS` on standard input and answer one JSON line: {"examples", "seconds", "cpu_seconds"}.
Between rounds they sleep, so contenders can take turns on a machine whose speed drifts, and ratios within a round mean
something.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True)
class Contender:
    """A worker script with its interpreter, arguments and environment."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    python: str = sys.executable
    environment: tuple[tuple[str, str], ...] = ()

    def start(self) -> subprocess.Popen:
        """Starts the process; it is ready when it has said so."""
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "KMP_WARNINGS": "0"}
        environment = {**os.environ, **quiet, **dict(self.environment)}
        root = str(WORKERS.parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        command = [self.python, str(WORKERS / f"{self.script}.py"), *self.arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=environment, text=True, bufsize=1, **pipes)


def take_turns(contenders: Sequence[Contender], rounds: int, seconds: float) -> dict[str, list[dict[str, Any]]]:
    """Runs contenders in turns, in another order each round.

    Args:
      contenders: who takes part.
      rounds: how many turns each has, after one that does not count.
      seconds: about how long a turn takes.

    Returns:
      By name, one answer for each round; each also holds "memory_mb", the process's size. A contender that does not
      start is left out, and why is said.
    """
    processes = {}
    for contender in contenders:
        process = contender.start()
        if answer(process) is None:
            reason = (process.stderr.read().strip().splitlines() or ["it said nothing"])[-1]
            print(f"  {contender.name}: left out ({reason[:160]})")
        else:
            processes[contender.name] = process
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in processes}
    for number in range(rounds + 1):
        order = list(processes)
        random.Random(number).shuffle(order)
        for name in order:
            process = processes[name]
            process.stdin.write(f"run {seconds}\n")
            result = answer(process)
            if result is None:
                raise RuntimeError(f"{name} stopped: {process.stderr.read()[-2000:]}")
            if number:
                results[name].append(result | {"memory_mb": psutil.Process(process.pid).memory_info().rss >> 20})
    for process in processes.values():
        _end(process)
    return results


def memory_over_steps(contender: Contender, batch_size: int, steps: int) -> dict[str, Any]:
    """Measures a training process's resident size early and late.

    Args:
      contender: who trains.
      batch_size: examples in one of its steps.
      steps: how many steps lie between, at least, after twice as many that do not count: the first checkpoint is one.

    Returns:
      {"steps", "before_mb", "after_mb"}.
    """
    process = contender.start()
    answer(process)

    def size_after(count: int) -> tuple[float, float]:
        done = 0.0
        while done < count:
            process.stdin.write("run 1\n")
            done += answer(process)["examples"] / batch_size
        return done, psutil.Process(process.pid).memory_info().rss / 2**20

    (_, before), (done, after) = size_after(2 * steps), size_after(steps)
    _end(process)
    return {"steps": int(done), "before_mb": before, "after_mb": after}


def answer(process: subprocess.Popen) -> dict[str, Any] | None:
    """Reads a worker's next JSON line; None if it ended."""
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    return None


def _end(process: subprocess.Popen) -> None:
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()
    process.stderr.close()


def rates(results: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, float]:
    """Computes each contender's median examples per second."""
    return {name: median(r["examples"] / r["seconds"] for r in rounds) for name, rounds in results.items()}


def ratio(results: Mapping[str, Sequence[Mapping[str, float]]], ours: str, theirs: str) -> float:
    """Computes the median over rounds of our rate over theirs, round by round."""
    pairs = zip(results[ours], results[theirs])
    return median((a["examples"] / a["seconds"]) / (b["examples"] / b["seconds"]) for a, b in pairs)
