"""Where metrics go: metrics.jsonl, TensorBoard events, and lines and a bar for people."""

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.progress import Progress

from jaxflow.console import bar, console, format_metrics, format_rate
from jaxflow.errors import UserError, program_name
from jaxflow.experiment import dumps
from jaxflow.runs.metrics_log import MetricWriter
from jaxflow.training.events import LoopState
from jaxflow.training.prepare import TrainingSession
from jaxflow.training.state import TrainState

# Without a bar, where steps are slow: how long it takes until something is said. After each such line it doubles.
FIRST_LINE_SECONDS = 5.0
# Columns of the shortest bar, of the time that is left and of the spaces between.
BAR_COLUMNS = 20

logger = logging.getLogger("jaxflow")


def fetch_metrics(totals: Mapping[str, Any], last: Mapping[str, Any], state: TrainState) -> dict[str, float]:
    """Reads what the steps of an interval added up to, from the devices.

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


def raise_if_diverged(state: TrainState, folder: Path, limit: int, over: bool) -> None:
    """Raises if a run's steps are no longer finite.

    Args:
      state: the state of a step.
      folder: the run folder.
      limit: how many steps in a row may be skipped.
      over: whether it is the last step: a run most of which was skipped is no trained one.

    Raises:
      UserError: there were as many; the first of them is named.
    """
    count = int(state.skipped_in_row)
    if count >= limit or (over and 2 * count > int(state.step)):
        first = int(state.step) - count + 1
        raise UserError(
            f"{count} steps in a row were skipped, from step {first} on: gradient or new state is not finite; look "
            f"with {program_name()} replay --workdir {folder} --step {first}, then clean the data or lower the "
            "learning rate"
        )


class Stopwatch:
    """Measures training alone: compilation, validation and checkpoints are left out."""

    def __init__(self, steps: int = 0, seconds: float = 0.0, cpu_seconds: float = 0.0) -> None:
        """Starts with what was measured in the run's earlier lives; the clock runs from the first `resume`."""
        self.steps, self.seconds, self.cpu_seconds = steps, seconds, cpu_seconds
        self.resume(0)

    def resume(self, step: int) -> None:
        """Starts the clock again after a pause at `step`."""
        self._since, self._begun, self._cpu_begun = step, time.perf_counter(), time.process_time()

    def stop(self, step: int) -> float:
        """Stops the clock at `step`: seconds a step since the last `resume`, NaN where there was none."""
        steps, seconds = step - self._since, time.perf_counter() - self._begun
        if steps:
            self.steps, self.seconds = self.steps + steps, self.seconds + seconds
            self.cpu_seconds += time.process_time() - self._cpu_begun
        return seconds / steps if steps else float("nan")

    def measured(self) -> dict[str, Any]:
        """Returns what was measured, as the loop's memory names it."""
        return {"timed_steps": self.steps, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}

    def speed(self, batch_size: int) -> dict[str, float]:
        """Returns "examples_per_second", "seconds" and "cpu_seconds" of all that was measured, if anything was."""
        if not self.steps:
            return {}
        rate = self.steps * batch_size / self.seconds
        return {"examples_per_second": rate, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}


class ProgressReporter:
    """Shows a run to a person: a bar on a terminal, plain lines elsewhere, validation lines that stay."""

    def __init__(self, session: TrainingSession, first_step: int, names: Iterable[str]):
        """Starts the bar at `first_step`; `names` are those of the problem's metrics, which it shows."""
        total_steps, experiment = session.program.total_steps, session.experiment
        self._total, self._per_epoch, self._epochs = total_steps, session.steps_per_epoch, experiment.epochs
        self._batch_size, self._names = experiment.batch_size, tuple(names)
        self._progress: Progress = bar("{task.fields[numbers]}")
        self._task = self._progress.add_task("train", total=total_steps, completed=first_step, numbers="")
        self._last_line, self._patience = time.monotonic(), FIRST_LINE_SECONDS

    def __enter__(self) -> "ProgressReporter":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def advance(self, step: int) -> None:
        """Moves the bar, or without one says where a run is whose steps are slow; cheap enough for every step."""
        now = time.monotonic()
        if now - self._last_line <= (self._patience if self._progress.disable else 0.2):
            return
        self._last_line = now
        if self._progress.disable:
            self._patience *= 2
            logger.info(f"{self._epoch(step)}  step {step}/{self._total}")
        else:
            self._progress.update(self._task, completed=step, description=self._epoch(step), refresh=True)

    def training(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the training metrics of an interval."""
        shown = {name: metrics[name] for name in self._names}
        speed = metrics.get("examples_per_second")
        numbers = format_metrics(shown) + (f"  {format_rate(speed)}" if speed else "")
        if not self._progress.disable:
            choices = (numbers, format_metrics(shown), format_metrics({"loss": metrics["loss"]}))
            room = console.width - len(self._epoch(self._total)) - 2 * len(str(self._total)) - BAR_COLUMNS
            fitting = next((text for text in choices if len(text) <= room), "")
            self._progress.update(
                self._task, completed=step, description=self._epoch(step), numbers=fitting, refresh=True
            )
        else:
            left = f"  {_clock((self._total - step) * self._batch_size / speed)} left" if speed else ""
            logger.info(f"{self._epoch(step)}  step {step}/{self._total}  {numbers}{left}")
            self._last_line = time.monotonic()

    def validation(self, step: int, metrics: Mapping[str, float], best: bool) -> None:
        """Shows the metrics of a validation pass, on a line that stays, and whether it is the best so far."""
        numbers = format_metrics(metrics) + ("  (best so far)" if best else "")
        logger.info(f"{self._epoch(step)}  step {step}/{self._total}  validation {numbers}")

    def _epoch(self, step: int) -> str:
        done = min(step / self._per_epoch, self._epochs)  # the last step may reach into an epoch that nobody asked for
        return f"epoch {format_epochs(done)}/{format_epochs(self._epochs)}"


def format_epochs(epochs: float) -> str:
    """Formats a number of epochs: one decimal, of numbers below 1 two digits, and none where it is whole."""
    return f"{epochs:.2g}" if epochs < 1 else f"{epochs:.1f}".removesuffix(".0")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class RunLog:
    """Writes metrics.jsonl and TensorBoard events, moves the bar, and measures the speed of training alone.

    Attributes:
      watch: steps of training and their time, over all of the run's lives.
    """

    def __init__(self, folder: Path, session: TrainingSession, loop: LoopState, names: Iterable[str]):
        """Prepares the log of a run that goes on from `loop`; `names` are those of the problem's metrics."""
        first_step, self._validation_due = loop.step, loop.validation_due
        self._folder, self._session, self._first_step = folder, session, first_step
        self._reporter = ProgressReporter(session, first_step, names)
        self.watch = Stopwatch(loop.timed_steps, loop.seconds, loop.cpu_seconds)
        self._started, self._running = False, False
        self._stack = ExitStack()

    def __enter__(self) -> "RunLog":
        with ExitStack() as stack:
            self._writer = stack.enter_context(MetricWriter(self._folder, self._first_step, self._validation_due))
            stack.enter_context(self._reporter)
            self._writer.write_texts(self._first_step, {"experiment": dumps(self._session.experiment)})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def advance(self, state: TrainState, step: int) -> None:
        """Counts a dispatch that ends at `step`. The first one compiles: the clock starts after it."""
        self._reporter.advance(step)
        if not self._started:
            jax.block_until_ready(state)
            self._started = True
            self.resume(step)

    def interval(self, loop: LoopState, metrics: Mapping[str, float]) -> float:
        """Logs what an interval of training came to, and stops the clock until `resume`.

        Args:
          loop: the loop's memory at its last step.
          metrics: means over the interval, by name.

        Returns:
          Seconds a step; NaN where nothing was measured.
        """
        step = loop.step
        seconds, batch_size = self.watch.stop(step), self._session.experiment.batch_size
        self._running = False
        rate = self._session.program.learning_rate(step - 1) * loop.factor
        line = dict(metrics) | {"epoch": step / self._session.steps_per_epoch, "learning_rate": rate}
        if seconds > 0:  # NaN is not
            line["examples_per_second"] = batch_size / seconds
        self._writer.write_scalars(step, line)
        self._reporter.training(step, line)
        return seconds

    def resume(self, step: int) -> None:
        """Starts the clock again where it was stopped."""
        if not self._running:
            self.watch.resume(step)
            self._running = True

    def validation(self, loop: LoopState, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of a validation."""
        epoch = loop.step / self._session.steps_per_epoch
        self._writer.write_scalars(loop.step, {**metrics, "epoch": epoch}, "validation")
        self._reporter.validation(loop.step, metrics, best=loop.best_step == loop.step)

    def flush(self) -> dict[str, Any]:
        """Writes out everything that was logged so far, and returns its digest."""
        self._writer.flush()
        return self._writer.digest()

    def speed(self) -> dict[str, float]:
        """Returns "examples_per_second", "seconds" and "cpu_seconds" of all that was measured, if anything was."""
        return self.watch.speed(self._session.experiment.batch_size)
