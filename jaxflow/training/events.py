"""What is due when, as steps that follow from the step alone; and what the loop remembers beside the train state."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxflow.patience import EarlyStopping, ReduceOnPlateau


@dataclass(frozen=True)
class Rhythm:
    """How often a run logs, validates and saves, in steps.

    Attributes:
      total: steps of the whole run; everything is due at the last one.
      log: steps between two lines of metrics.
      validate: steps between two validations, each followed by a checkpoint; may be a fraction.
      save: steps between two further checkpoints; None for none.
    """

    total: int
    log: float
    validate: float
    save: float | None


@dataclass(frozen=True)
class Events:
    """The steps at which logging, validation and saving are due next."""

    log: int
    validate: int
    save: int


def next_events(step: int, rhythm: Rhythm) -> Events:
    """Returns what is due next after a step.

    Args:
      step: steps taken so far.
      rhythm: how often each is due.

    Returns:
      The steps. Saving is due whenever validation is, and logging whenever saving is: a run that goes on from a
      checkpoint that was due logs the same lines as an unbroken one. (A signal cuts the interval that it comes in: the
      means of both parts are logged.)
    """
    validate = next_due(step, rhythm.validate, rhythm.total)
    save = min(validate, next_due(step, rhythm.save, rhythm.total))
    return Events(min(save, next_due(step, rhythm.log, rhythm.total)), validate, save)


def next_due(step: int, every: float | None, total: int) -> int:
    """Returns the first step after `step` at or past a multiple of `every` steps; the last of all is always due."""
    if every is None:
        return total
    # A shade less, so that 3 is due every 0.1 * 30 = 3.0000000000000004 steps.
    due = math.ceil((math.floor(step / every + 1e-9) + 1) * every - 1e-9)
    return min(max(due, step + 1), total)


# What a checkpoint keeps of the loop's memory, beside the step.
SAVED = (
    "best", "best_step", "validation_due", "total", "timed_steps", "seconds", "cpu_seconds",
    "stop_best", "stop_waited", "plateau_best", "plateau_waited", "factor",
)  # fmt: skip
TIMES = frozenset({"timed_steps", "seconds", "cpu_seconds"})


@dataclass(frozen=True)
class LoopState:
    """The loop's memory.

    Attributes:
      step: steps taken.
      best: value of the selection metric at the best validation so far; None before the first.
      best_step: the step of that validation.
      validation_due: whether the state at `step` is to be validated, since that is due and has not been done: a signal
        came before.
      total: steps of the whole run as it is launched now; of a checkpoint, as it was launched then, None if unknown.
      timed_steps: steps whose time was measured, over all of the run's lives.
      seconds: their time.
      cpu_seconds: what processors worked for this process in that time.
      stop_best: value of the selection metric that early stopping measures improvements from.
      stop_waited: validations since then.
      plateau_best: value of it that plateaus are measured from.
      plateau_waited: validations since then, or since the learning rate was lowered.
      factor: of the learning rates, which plateaus have lowered them by.
      pace: steps that are dispatched at once. A matter of this machine and this moment: it is not saved.
    """

    step: int
    best: float | None = None
    best_step: int | None = None
    validation_due: bool = False
    total: int | None = None
    timed_steps: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stop_best: float | None = None
    stop_waited: int = 0
    plateau_best: float | None = None
    plateau_waited: int = 0
    factor: float = 1.0
    pace: int = 1

    def validated(
        self,
        value: float,
        higher_is_better: bool,
        early_stopping: EarlyStopping | None = None,
        plateau: ReduceOnPlateau | None = None,
    ) -> "LoopState":
        """Returns the memory after a validation.

        Args:
          value: of the selection metric; one that is not finite is never the best.
          higher_is_better: the metric's direction.
          early_stopping: when the run ends before its last step, or None.
          plateau: when its learning rate is lowered, or None.
        """
        sign = -1 if higher_is_better else 1
        better = math.isfinite(value) and (self.best is None or sign * value <= sign * self.best)
        after = replace(self, validation_due=False)
        if early_stopping is not None:
            best, waited = _wait(self.stop_best, self.stop_waited, value, sign, early_stopping.min_improvement)
            after = replace(after, stop_best=best, stop_waited=waited)
        if plateau is not None:
            best, waited = _wait(self.plateau_best, self.plateau_waited, value, sign, plateau.min_improvement)
            if waited >= plateau.patience:
                factor = max(self.factor * plateau.factor, min(self.factor, plateau.min_factor))
                after, waited = replace(after, factor=factor), 0
            after = replace(after, plateau_best=best, plateau_waited=waited)
        return replace(after, best=value, best_step=self.step) if better else after

    def is_over(self, early_stopping: EarlyStopping | None) -> bool:
        """Returns whether a run has nothing left to train: all its steps are done, or it stops early."""
        patient = early_stopping is None or self.stop_waited < early_stopping.patience
        return not patient or (self.total is not None and self.step >= self.total)

    def to_json(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {name: getattr(self, name) for name in SAVED}


def _wait(best: float | None, waited: int, value: float, sign: int, min_improvement: float) -> tuple[float | None, int]:
    """Returns the value that improvements are measured from, and the validations since, after one more of them."""
    improved = math.isfinite(value) and (best is None or sign * value < sign * best - min_improvement)
    return (value, 0) if improved else (best, waited + 1)


def read_loop_state(meta: Mapping[str, Any], step: int) -> LoopState:
    """Reads the memory that lies in a checkpoint's meta; what a version before did not note starts anew.

    So does all of the time, where only part of it was noted: the sums would be of different steps.
    """
    saved = dict(meta.get("loop") or {})
    if TIMES - saved.keys():
        saved = {name: value for name, value in saved.items() if name not in TIMES}
    return LoopState(step, **{name: saved[name] for name in SAVED if name in saved})
