"""What is due when: logging, validation and checkpoints, as step numbers that follow from the step alone."""

import math
from dataclasses import dataclass


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
      The steps. Saving is due whenever validation is, and logging whenever saving is: a resumed run then logs the same
      lines as an unbroken one.
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
