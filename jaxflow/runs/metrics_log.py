"""metrics.jsonl and TensorBoard events: a line for each interval of training and each validation."""

import contextlib
import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxflow.file_io import write_atomically
from jaxflow.ranges import is_number
from jaxflow.runtime.distributed import is_main
from jaxflow.runtime.regular_files import open_regular

logger = logging.getLogger("jaxflow")

# Longest time between two writes to disk: what a dashboard lags behind.
FLUSH_SECONDS = 10.0
# Bytes of metrics.jsonl, and of a line of it, at most.
MAX_BYTES, MAX_LINE = 1 << 30, 1 << 20


class MetricWriter:
    """Writes scalars under the names of CLU's writers, to JSON lines and TensorBoard; of several processes, one does.

    Everything is written by the caller's thread, so that errors are raised where they happen. (The threads of
    tensorboardX's SummaryWriter end when the disk is full, and the writer then waits for them for ever.)

    Attributes:
      folder: the run folder; lines go to metrics.jsonl, events to tensorboard/.
    """

    def __init__(self, folder: Path, first_step: int = 0, validation_due: bool = False):
        """Opens the files and removes what was logged after `first_step`: those steps are repeated.

        Args:
          folder: the run folder.
          first_step: the last step that stays.
          validation_due: whether its validation is repeated too.
        """
        self.folder = folder
        self._files: list[Any] = []
        self._digest = LinesDigest()
        if not is_main():
            return
        last = {"train": first_step, "validation": first_step - validation_due}
        retained = [line for line in read_metrics(folder) if line["step"] <= last.get(line["split"], first_step)]
        for line in retained:
            self._digest.add(line)
        write_atomically(folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in retained))
        self._lines = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        (folder / "tensorboard").mkdir(exist_ok=True)
        # tensorboardX names the file by the second; the suffix keeps a restart within that second from overwriting it.
        self._events = EventsWriter(str(folder / "tensorboard" / "events"), f".{os.getpid()}.{first_step}")
        self._files, self._flushed = [self._lines, self._events], time.monotonic()
        # TensorBoard hides what an earlier process logged from this step on.
        self._write_event(first_step + 1, session_log=SessionLog(status=SessionLog.START))

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write_scalars(self, step: int, scalars: Mapping[str, float], split: str = "train") -> None:
        """Writes the scalars of a step by name: one line, and an event for each."""
        if not self._files:
            return
        line = {"step": step, "split": split, **scalars}
        self._lines.write(json.dumps(line) + "\n")
        self._digest.add(line)
        for name, value in scalars.items():
            self._write_event(step, summary=summary.scalar(f"{split}/{name}", value))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def write_texts(self, step: int, texts: Mapping[str, str]) -> None:
        """Writes named texts to TensorBoard."""
        for name, text in texts.items() if self._files else ():
            self._write_event(step, summary=summary.text(name, text))

    def flush(self) -> None:
        """Flushes everything written so far to the operating system."""
        for file in self._files:
            file.flush()
        self._flushed = time.monotonic()

    def digest(self) -> dict[str, Any]:
        """Returns what `digest_metrics` returns of all that was written, without reading it."""
        return self._digest.value()

    def close(self) -> None:
        """Flushes and closes the files, each of them even if another cannot be written."""
        with contextlib.ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)

    def _write_event(self, step: int, **content: Any) -> None:
        self._events.write_event(Event(step=step, wall_time=time.time(), **content))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Reads a run's metrics.jsonl: one dict for each line.

    What is no line of numbers is skipped, as is one that was truncated by a kill.

    Raises:
      UserError: it is no file, or far larger than any.
    """
    path = folder / "metrics.jsonl"
    lines = []
    with open_regular(path, MAX_BYTES) if path.exists() else contextlib.nullcontext(io.BytesIO()) as file:
        while text := file.readline(MAX_LINE):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and _is_line(line):
                lines.append(line)
    return lines


def _is_line(line: Mapping[str, Any]) -> bool:
    numbers = all(is_number(value) for name, value in line.items() if name != "split")
    return numbers and isinstance(line.get("step"), int) and isinstance(line.get("split"), str)


class LinesDigest:
    """A digest of lines of metrics, their speeds left out: the same for a resumed and an unbroken run."""

    def __init__(self) -> None:
        """Starts without a line."""
        self._count, self._digest = 0, hashlib.sha256()

    def add(self, line: Mapping[str, Any]) -> None:
        """Adds a line."""
        self._count += 1
        lasting = {name: value for name, value in line.items() if name != "examples_per_second"}
        self._digest.update(json.dumps(lasting, sort_keys=True).encode() + b"\n")

    def value(self) -> dict[str, Any]:
        """Returns the number of "lines", and their "digest"."""
        return {"lines": self._count, "digest": self._digest.hexdigest()[:16]}


def digest_metrics(folder: Path, count: int | None = None) -> dict[str, Any]:
    """Computes the digest of what metrics.jsonl holds.

    Args:
      folder: the run folder.
      count: how many lines are looked at; None for all.

    Returns:
      The number of "lines", and their "digest".
    """
    digest = LinesDigest()
    for line in read_metrics(folder)[:count]:
        digest.add(line)
    return digest.value()


def check_metrics(folder: Path, written: Mapping[str, Any] | None) -> None:
    """Logs a warning if metrics.jsonl no longer holds what a run had written when it saved a checkpoint.

    Args:
      folder: the run folder.
      written: from `digest_metrics` at that time; None in checkpoints of earlier versions.
    """
    if written is not None and written != digest_metrics(folder, written["lines"]):
        logger.warning(
            f"{folder / 'metrics.jsonl'} is not what training wrote: learning curves show what it holds now; results "
            "and checkpoints are verified and do not depend on it"
        )


def metric_columns(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, np.ndarray]]:
    """Returns the lines of metrics.jsonl as columns.

    Args:
      lines: as `read_metrics` returns them.

    Returns:
      By split ("train", "validation") and by name ("step", "epoch", "loss", ...), (lines,) arrays; NaN where a line of
      the split has no such number.
    """
    columns = {}
    for split in dict.fromkeys(line["split"] for line in lines):
        rows = [line for line in lines if line["split"] == split]
        names = dict.fromkeys(name for row in rows for name in row if name != "split")
        columns[split] = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
    return columns
