"""What a comparison holds: groups of runs, their metrics, and how each does beside the first."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxflow.evaluation.cross_validation import CONFIDENCE, Estimate
from jaxflow.evaluation.metrics.intervals import Measured
from jaxflow.runs.groups import Group

# Metrics of which more is better, by the beginnings of their names; of all others less is.
HIGHER_IS_BETTER = ("iou", "accuracy", "entity_f1", "explained_variance")


@dataclass(frozen=True)
class Apart:
    """An example on which two runs differ.

    Attributes:
      name: of the example.
      true: what it is; "" where that is no single class or number.
      answers: what each of the two says, or how well it does.
    """

    name: str
    true: str
    answers: tuple[str, str]


@dataclass(frozen=True)
class Disagreement:
    """Where two runs differ.

    Attributes:
      measure: what is compared of an example: "right answers", "absolute error", ...
      counts: of right and wrong answers: (both right, only the first, only the other, neither); () of what is neither.
      first: examples on which the first does better, the clearest first.
      other: examples on which the other does better.
    """

    measure: str
    counts: tuple[int, ...]
    first: tuple[Apart, ...]
    other: tuple[Apart, ...]


@dataclass(frozen=True)
class Difference:
    """How a group does beside the first one.

    Attributes:
      name: of the group.
      metric: what is tested.
      value: its metric less the first group's.
      low: where the interval of that begins.
      high: where it ends.
      p: of so large a difference by chance, corrected for all groups that are compared with the first.
      test: how it was tested.
      about: what the test speaks of.
      units: how many units or seeds the smaller side has.
      metrics: the difference of every metric that both have, with its interval, by name.
      disagreement: where the two differ; None where seeds are compared.
    """

    name: str
    metric: str
    value: float
    low: float
    high: float
    p: float
    test: str
    about: str
    units: int
    metrics: Mapping[str, Measured] = field(default_factory=dict)
    disagreement: Disagreement | None = None

    @property
    def different(self) -> bool:
        """Whether it is more than chance, at the level of the intervals."""
        return self.p < 1 - CONFIDENCE

    @property
    def better(self) -> bool:
        """Whether the group does better than the first one, by chance or not."""
        return self.value > 0 if self.metric.startswith(HIGHER_IS_BETTER) else self.value < 0


@dataclass(frozen=True)
class Comparison:
    """Groups of runs, and how each does beside the first.

    Attributes:
      groups: in the order that their runs were named in.
      metric: what they are known by.
      differing: by field that is not the same in all groups, its value in each, as text.
      estimates: by metric that all groups have, that of each: of several seeds or folds mean, deviation and interval
        of the mean, of one run its value with the interval that evaluation found.
      differences: of each group but the first.
      remarks: what else should be known.
    """

    groups: tuple[Group, ...]
    metric: str
    differing: Mapping[str, tuple[str, ...]]
    estimates: Mapping[str, tuple[Estimate, ...]]
    differences: tuple[Difference, ...]
    remarks: tuple[str, ...] = ()
