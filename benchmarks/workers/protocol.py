"""The workers' half of the conversation that contender.py describes. Needs the standard library alone."""

import json
import sys
import time
from collections.abc import Callable


def serve(work: Callable[[int], None], examples_per_call: int, **about: float) -> None:
    """Answers `run SECONDS` until standard input ends.

    Args:
      work: does a number of calls and returns when they are finished.
      examples_per_call: examples in one call.
      **about: what each answer holds too, such as the seconds of a compilation.
    """
    work(3)
    begun = time.perf_counter()
    work(3)
    each = (time.perf_counter() - begun) / 3
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        calls = max(3, int(float(line.split()[1]) / each))
        begun, cpu = time.perf_counter(), time.process_time()
        work(calls)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        each = seconds / calls
        answer = {"examples": calls * examples_per_call, "seconds": seconds, "cpu_seconds": cpu, **about}
        print(json.dumps(answer), flush=True)


def images(count: int = 8192):
    """Makes noise of CIFAR-10's shape: (count, 32, 32, 3) uint8 and labels."""
    import numpy as np

    generator = np.random.RandomState(0)
    pixels = np.frombuffer(generator.bytes(count * 32 * 32 * 3), np.uint8).reshape(count, 32, 32, 3)
    return pixels, generator.randint(0, 10, count).astype("int32")
