"""What is due when, as steps that follow from the step alone; and what the loop remembers beside the train state."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


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
SAVED = ("best", "best_step", "validation_due", "total", "timed_steps", "seconds")


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
      pace: steps that are dispatched at once. A matter of this machine and this moment: it is not saved.
    """

    step: int
    best: float | None = None
    best_step: int | None = None
    validation_due: bool = False
    total: int | None = None
    timed_steps: int = 0
    seconds: float = 0.0
    pace: int = 1

    def validated(self, value: float, higher_is_better: bool) -> "LoopState":
        """Returns the memory after a validation.

        Args:
          value: of the selection metric; one that is not finite is never the best.
          higher_is_better: the metric's direction.
        """
        sign = -1 if higher_is_better else 1
        better = math.isfinite(value) and (self.best is None or sign * value <= sign * self.best)
        after = replace(self, validation_due=False)
        return replace(after, best=value, best_step=self.step) if better else after

    def to_json(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {name: getattr(self, name) for name in SAVED}


def read_loop_state(meta: Mapping[str, Any], step: int) -> LoopState:
    """Reads the memory that lies in a checkpoint's meta; what a version before did not note starts anew."""
    saved = meta.get("loop") or {}
    return LoopState(step, **{name: saved[name] for name in SAVED if name in saved})
