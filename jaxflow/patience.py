"""What a run does when its validation no longer improves: it stops, or its learning rate falls."""

from dataclasses import dataclass
from typing import Annotated

from jaxflow.ranges import Count, Fraction, NonNegative, Range, check_ranges


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run whose problem.selection_metric no longer improves; its best checkpoint is then the run's result."""

    patience: Count = 5
    """Validations without an improvement after which it ends."""
    min_improvement: NonNegative = 0.0
    """An improvement is one by more than this, in the metric's own unit."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Lowers every learning rate when problem.selection_metric no longer improves."""

    factor: Annotated[float, Range(0, 1, without=(0, 1))] = 0.1
    """What the learning rate is multiplied by."""
    patience: Count = 5
    """Validations without an improvement after which it is lowered, and lowered again."""
    min_improvement: NonNegative = 0.0
    """An improvement is one by more than this, in the metric's own unit."""
    min_factor: Fraction = 0.0
    """Fraction of the schedule's learning rate that is never gone below."""

    __post_init__ = check_ranges
