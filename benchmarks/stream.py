"""Memory of a run whose images stay in their files: with ten times as many it must take no more."""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contender import Contender, answer
from benchmarks.photographs import photographs

# 1,920 images decoded to 320x320 are ten times the budget.
BUDGET_MB, SIDE, COUNT, TIMES = 56.25, 320, 192, 10


def stream_memory(workers: int = 0) -> dict[str, dict[str, Any]]:
    """Trains as many steps on few images and on ten times as many, each in a process of its own.

    Args:
      workers: processes that read ahead.

    Returns:
      What each said: number of images, their decoded size and the process's peak, both in MB.
    """
    files = sorted((photographs() / "jpeg").rglob("*.jpg"), key=lambda path: path.name)
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("budget", COUNT), ("ten times the budget", TIMES * COUNT)):
            for number in range(count):
                file = files[number % len(files)]
                link = Path(folder) / name / file.parent.name / f"{number}.jpg"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.write_bytes(file.read_bytes())
            epochs = TIMES * COUNT // count
            arguments = (f"{folder}/{name}", str(SIDE), str(epochs), str(workers))
            process = Contender(name, "stream_train", arguments).start()
            said[name] = answer(process)
            _, errors = process.communicate()
            if said[name] is None:
                raise RuntimeError(f"{name} stopped: {errors[-2000:]}")
    return said
