"""What the loop itself remembers from step to step, beside the train state; it lies in every checkpoint's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class LoopState:
    """The loop's memory.

    Attributes:
      step: steps taken.
      best: value of the selection metric at the best validation so far; None before the first.
      best_step: the step of that validation.
      pace: steps that are dispatched at once. A matter of this machine and this moment: it is not saved.
    """

    step: int
    best: float | None = None
    best_step: int | None = None
    pace: int = 1

    def validated(self, value: float, higher_is_better: bool) -> "LoopState":
        """Returns the memory after a validation.

        Args:
          value: of the selection metric; NaN is never the best.
          higher_is_better: the metric's direction.
        """
        sign = -1 if higher_is_better else 1
        better = value == value and (self.best is None or sign * value <= sign * self.best)
        return replace(self, best=value, best_step=self.step) if better else self

    def to_json(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {"best": self.best, "best_step": self.best_step}


def read_loop_state(meta: Mapping[str, Any], step: int) -> LoopState:
    """Reads the memory that lies in a checkpoint's meta; one of a version that checkpoints none starts anew."""
    saved = meta.get("loop") or {}
    return LoopState(step, saved.get("best"), saved.get("best_step"))
