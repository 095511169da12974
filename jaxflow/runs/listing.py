"""Lists the runs in a folder: which there are, how far they came and how well they did."""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.runs.environment import read_environment, shell_command
from jaxflow.runs.groups import Run, read_run
from jaxflow.runs.results import headline_metric, interval_name, values_alone

# Folders below the one that is listed in which runs are looked for: runs, folds, runs of folds.
DEPTH = 3


@dataclass(frozen=True)
class Listed:
    """A run in a folder.

    Attributes:
      folder: the run folder.
      state: "training" while a process has it, "tested" or "trained" when it is done, "damaged" where its experiment or
        results cannot be read, else "stopped".
      experiment: the name of the file that it was trained from; "" where that is not known.
      split: what the metrics are of: "test", or "validation" where it was not tested; "" where nothing was measured.
      metrics: those of that split, the one that it is known by first.
      metric: the one that it is known by; None where nothing was measured.
      interval: its interval; None where it has none.
      age: seconds since something was written.
      run: its experiment and results; None where they are damaged.
    """

    folder: Path
    state: str
    experiment: str
    split: str
    metrics: dict[str, float]
    metric: str | None
    interval: tuple[float, float] | None
    age: float
    run: Run | None


def list_runs(folder: Path) -> list[Listed]:
    """Lists the runs in a folder and in those below it, the newest first."""
    now = time.time()
    return sorted((_listed(run, now) for run in _run_folders(folder, DEPTH)), key=lambda run: run.age)


def _listed(folder: Path, now: float) -> Listed:
    try:
        run = read_run(folder)
        results: dict[str, Any] = dict(run.results)
        done = "tested" if "test" in results else "trained" if "checkpoint_step" in results else "stopped"
    except UserError:
        run, results, done = None, {}, "damaged"
    split = next((name for name in ("test", "validation") if results.get(name)), "")
    found = results[split] if split else {}
    values = values_alone(found)
    metric = headline_metric(values) or next(iter(values), None)
    interval = found.get(interval_name(metric)) if metric else None
    written = max(path.stat().st_mtime for path in (folder, *folder.glob("*.json*")))
    return Listed(
        folder=folder,
        state="training" if in_use(folder) else done,
        experiment=_experiment_file(folder),
        split=split,
        metrics={} if metric is None else {metric: values[metric], **values},
        metric=metric,
        interval=None if interval is None else (interval[0], interval[1]),
        age=max(0.0, now - written),
        run=run,
    )


def age_of(seconds: float) -> str:
    """Returns a span of time in its largest unit: "3 h"."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _experiment_file(folder: Path) -> str:
    """Returns the name of the file that a run was trained from, without its ending; "" where its command has none."""
    found = re.search(r"--config[= ](\S+?)(?:\.py)?(?=\s|$)", shell_command(read_environment(folder)))
    return Path(found[1].strip("'\"")).stem if found else ""


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "experiment.json").is_file():
        yield folder
    elif depth and folder.is_dir():
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.is_symlink():
                yield from _run_folders(below, depth - 1)


def in_use(run: Path) -> bool:
    """Returns whether a process holds the lock of a run folder: it is trained or evaluated right now."""
    try:
        file = os.open(run / ".lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(file)
    return False
