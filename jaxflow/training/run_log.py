"""The log of a run: every number goes to files and to a person, with the speed at which the run trains."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import jax

from jaxflow.experiment import dumps
from jaxflow.runs.metrics_log import MetricWriter
from jaxflow.training.loop_state import LoopState
from jaxflow.training.prepare import TrainingSession
from jaxflow.training.progress import ProgressReporter, Stopwatch
from jaxflow.training.state import TrainState


class RunLog:
    """Writes metrics.jsonl and TensorBoard events, moves the bar, and measures the speed of training alone."""

    def __init__(self, folder: Path, session: TrainingSession, first_step: int, names: Iterable[str]):
        """Prepares the log of a run that starts at `first_step`; `names` are those of the problem's metrics."""
        experiment, total = session.experiment, session.program.total_steps
        self._folder, self._session, self._first_step = folder, session, first_step
        self._reporter = ProgressReporter(total, session.steps_per_epoch, experiment.batch_size, first_step, names)
        self._watch, self._running, self._stack = Stopwatch(), False, ExitStack()

    def __enter__(self) -> "RunLog":
        with ExitStack() as stack:
            self._writer = stack.enter_context(MetricWriter(self._folder, self._first_step))
            stack.enter_context(self._reporter)
            self._writer.write_texts(self._first_step, {"experiment": dumps(self._session.experiment)})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def advance(self, state: TrainState, step: int) -> None:
        """Notes a dispatch that ends at `step`. The first one compiles: the clock starts after it."""
        self._reporter.advance(step)
        if not self._running and self._watch.steps == 0:
            jax.block_until_ready(state)
            self.resume(step)

    def interval(self, step: int, metrics: Mapping[str, float]) -> float:
        """Logs what an interval of training came to, and stops the clock until `resume`.

        Args:
          step: the last step of the interval.
          metrics: means over the interval, by name.

        Returns:
          Seconds a step; NaN where nothing was measured.
        """
        seconds, batch_size = self._watch.stop(step), self._session.experiment.batch_size
        self._running = False
        rate = self._session.program.learning_rate(step - 1)
        line = dict(metrics) | {"epoch": step / self._session.steps_per_epoch, "learning_rate": rate}
        if seconds > 0:  # NaN is not
            line["examples_per_second"] = batch_size / seconds
        self._writer.write_scalars(step, line)
        self._reporter.training(step, line)
        return seconds

    def resume(self, step: int) -> None:
        """Lets the clock run again where it was stopped."""
        if not self._running:
            self._watch.resume(step)
            self._running = True

    def validation(self, loop: LoopState, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of a validation."""
        self._writer.write_scalars(loop.step, metrics, "validation")
        self._reporter.validation(loop.step, metrics)

    def flush(self) -> None:
        """Hands everything that was logged so far to the operating system."""
        self._writer.flush()

    def speed(self) -> dict[str, float]:
        """Returns "examples_per_second" and "seconds" of all that was measured; nothing where nothing was."""
        return self._watch.speed(self._session.experiment.batch_size)
