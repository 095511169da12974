"""Where metrics go: metrics.jsonl, TensorBoard events, and lines and a bar for people."""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.progress import Progress
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxflow.console import bar, console, format_metrics, say
from jaxflow.errors import UserError
from jaxflow.file_io import write_atomically
from jaxflow.runtime.distributed import is_main
from jaxflow.training.state import TrainState

# Longest time that a line is kept from those who watch a run.
FLUSH_SECONDS = 10.0


class MetricWriter:
    """Writes numbers under the names of CLU's writers, to JSON lines and TensorBoard; of several processes, one does.

    Everything is written by the caller's thread, so what goes wrong is raised where it happens. (The threads of
    tensorboardX's SummaryWriter die of a full disk, and the writer then waits for them for ever.)

    Attributes:
      folder: the run folder; lines go to metrics.jsonl, events to tensorboard/.
    """

    def __init__(self, folder: Path, first_step: int = 0):
        """Opens the files and drops what was logged after `first_step`, which is about to be done again."""
        self.folder = folder
        self._files: list[Any] = []
        if not is_main():
            return
        kept = [json.dumps(line) + "\n" for line in read_metrics(folder) if line["step"] <= first_step]
        write_atomically(folder / "metrics.jsonl", "".join(kept))
        self._lines = (folder / "metrics.jsonl").open("a")
        (folder / "tensorboard").mkdir(exist_ok=True)
        # Named by the second, and so that a restart within a second does not write over it.
        self._events = EventsWriter(str(folder / "tensorboard" / "events"), f".{os.getpid()}.{first_step}")
        self._files, self._flushed = [self._lines, self._events], time.monotonic()
        # TensorBoard hides what an earlier process logged from this step on.
        self._write_event(first_step + 1, session_log=SessionLog(status=SessionLog.START))

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write_scalars(self, step: int, scalars: Mapping[str, float], split: str = "train") -> None:
        """Writes named numbers of a step, as one line and one event each."""
        if not self._files:
            return
        self._lines.write(json.dumps({"step": step, "split": split, **scalars}) + "\n")
        for name, value in scalars.items():
            self._write_event(step, summary=summary.scalar(f"{split}/{name}", value))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def write_texts(self, step: int, texts: Mapping[str, str]) -> None:
        """Writes named texts to TensorBoard."""
        for name, text in texts.items() if self._files else ():
            self._write_event(step, summary=summary.text(name, text))

    def flush(self) -> None:
        """Hands everything written so far to the operating system."""
        for file in self._files:
            file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Writes what is left and closes the files, each of them also where another cannot be written."""
        with contextlib.ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)

    def _write_event(self, step: int, **content: Any) -> None:
        self._events.write_event(Event(step=step, wall_time=time.time(), **content))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Reads a run's metrics.jsonl: one dict for each line; a line that a kill cut in half is left out."""
    path = folder / "metrics.jsonl"
    lines = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int) and "split" in line:
            lines.append(line)
    return lines


def read_totals(totals: Mapping[str, Any], last: Mapping[str, Any], state: TrainState) -> dict[str, float]:
    """Waits for the device and reads what the steps of an interval added up to.

    Args:
      totals: metrics of the interval.
      last: metrics of its last step.
      state: the state after it.

    Returns:
      The means by name, "step_loss" of the last step, and "skipped" steps since the run began, where there are any.
    """
    sums, own, skipped = jax.device_get((totals, last["loss"], state.skipped))
    with np.errstate(invalid="ignore"):  # the mean of an interval of skipped steps is NaN
        line = {name: float(metric.compute()) for name, metric in sums.items()}
    line["step_loss"] = float(own.compute())
    return line | ({"skipped": int(skipped)} if skipped else {})


def check_skipped(state: TrainState, folder: Path, limit: int) -> None:
    """Stops a run that goes nowhere.

    Args:
      state: the state of a step.
      folder: the run folder.
      limit: how many steps in a row may be skipped.

    Raises:
      UserError: there were as many; the first of them is named.
    """
    count = int(state.skipped_in_row)
    if count >= limit:
        first = int(state.step) - count + 1
        raise UserError(
            f"{count} steps in a row were skipped, from step {first} on: gradient or new state is not finite; look "
            f"with launch.py replay --workdir {folder} --step {first}, then clean the data or lower the learning rate"
        )


def last_validation(folder: Path) -> dict[str, dict[str, float]]:
    """Finds the metrics that a run logged last for its validation split: {"validation": metrics}, or nothing."""
    lines = [line for line in read_metrics(folder) if line["split"] == "validation"]
    if not lines:
        return {}
    return {"validation": {name: value for name, value in lines[-1].items() if name not in ("step", "split")}}


class Stopwatch:
    """Measures training alone: compilation, validation and checkpoints are left out."""

    def __init__(self) -> None:
        """Starts with nothing measured; the clock runs from the first `resume`."""
        self.steps, self.seconds = 0, 0.0
        self._since, self._begun = 0, time.perf_counter()

    def resume(self, step: int) -> None:
        """Lets the clock run again after a pause at `step`."""
        self._since, self._begun = step, time.perf_counter()

    def lap(self, step: int) -> float:
        """Stops the clock at `step`: seconds a step since the last `resume`, NaN where there was none."""
        steps, seconds = step - self._since, time.perf_counter() - self._begun
        self.steps, self.seconds = self.steps + steps, self.seconds + (seconds if steps else 0.0)
        return seconds / steps if steps else float("nan")

    def speed(self, batch_size: int) -> dict[str, float]:
        """Gives "examples_per_second" and "seconds" of all that was measured; nothing where nothing was."""
        if not self.steps:
            return {}
        return {"examples_per_second": self.steps * batch_size / self.seconds, "seconds": self.seconds}


class Reporter:
    """Shows a run to a person: a bar on a terminal, plain lines elsewhere, validation lines that stay."""

    def __init__(
        self, total_steps: int, steps_per_epoch: float, batch_size: int, first_step: int, names: Iterable[str]
    ):
        """Starts the bar at `first_step`; `names` are those of the problem's metrics, which it shows."""
        self._total, self._per_epoch, self._batch_size = total_steps, steps_per_epoch, batch_size
        self._names = tuple(names)
        self._progress: Progress = bar("{task.fields[numbers]}")
        self._task = self._progress.add_task("train", total=total_steps, completed=first_step, numbers="")
        self._last_line = time.monotonic()

    def __enter__(self) -> "Reporter":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def advance(self, step: int) -> None:
        """Moves the bar; cheap enough for every step."""
        now = time.monotonic()
        if console.is_terminal and now - self._last_line > 0.2:
            self._last_line = now
            self._progress.update(self._task, completed=step, description=self._epoch(step), refresh=True)

    def training(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the training metrics of an interval."""
        shown = {name: metrics[name] for name in self._names}
        speed = metrics.get("examples_per_second")
        numbers = format_metrics(shown) + (f"  {speed:,.0f} examples/s" if speed else "")
        if console.is_terminal:
            self._progress.update(
                self._task, completed=step, description=self._epoch(step), numbers=numbers, refresh=True
            )
        else:
            left = f"  {_clock((self._total - step) * self._batch_size / speed)} left" if speed else ""
            say(f"{self._epoch(step)}  step {step}/{self._total}  {numbers}{left}")

    def validation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the metrics of a validation pass, on a line that stays."""
        numbers = format_metrics(metrics)
        say(f"{self._epoch(step)}  step {step}/{self._total}  validation {numbers}")

    def _epoch(self, step: int) -> str:
        return f"epoch {step / self._per_epoch:.1f}/{self._total / self._per_epoch:.3g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
