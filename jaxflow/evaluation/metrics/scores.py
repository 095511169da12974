"""Scores: metrics as functions of how often each unit of a split counts, so that one pass serves value and resamples.

A unit is what was split: an example, or a group of them (a speaker, a patient, a scene), a document, a block of a
series.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Scores:
    """Metrics that are computed together.

    Attributes:
      names: of the metrics.
      of: (replicates, units) how often each unit counts -> (replicates, metrics) float64; NaN where one is not defined.
      proportions: of metrics that are shares of units, of how many: 0 and 1 have intervals too.
    """

    names: tuple[str, ...]
    of: Callable[[np.ndarray], np.ndarray]
    proportions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Units:
    """The units of a split.

    Attributes:
      index: (examples,) the unit of each example, from 0.
      count: how many there are.
      noun: what people call one: "example", "group", "document", "block".
    """

    index: np.ndarray
    count: int
    noun: str = "example"


def each_example(examples: int) -> Units:
    """Returns units of one example each."""
    return Units(np.arange(examples), examples)


def units_of(names: np.ndarray, noun: str) -> Units:
    """Returns the units that examples with equal names make.

    Args:
      names: (examples,) the unit's name of each example.
      noun: what people call a unit.
    """
    distinct, index = np.unique(names, return_inverse=True)
    return Units(index, len(distinct), noun)


def sums_by_unit(values: np.ndarray | sparse.csr_array, units: Units) -> np.ndarray | sparse.csr_array:
    """Returns the sums of each unit's rows.

    Args:
      values: (examples, columns), dense or sparse.
      units: of the examples.

    Returns:
      (units, columns) float64, sparse where the values are.
    """
    examples = len(units.index)
    membership = sparse.csr_array(
        (np.ones(examples), (units.index, np.arange(examples))), shape=(units.count, examples)
    )
    return membership @ values


def scores_of_sums(
    names: tuple[str, ...],
    values: np.ndarray | sparse.csr_array,
    units: Units,
    finish: Callable[[np.ndarray], np.ndarray],
    proportions: Mapping[str, int] | None = None,
) -> Scores:
    """Returns metrics that depend on sums over examples alone.

    Args:
      names: of the metrics.
      values: (examples, columns) what is summed, dense or sparse.
      units: of the examples.
      finish: (replicates, columns) sums -> (replicates, metrics).
      proportions: as in `Scores`.
    """
    sums = sums_by_unit(values, units)

    def of(counts: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):  # NaN is the score of nothing
            return finish(np.asarray(counts @ sums))

    return Scores(names, of, proportions or {})


def values_of(families: Sequence[Scores], units: Units) -> dict[str, float]:
    """Returns metrics of a whole split by name; those that are not defined are left out."""
    counts = np.ones((1, units.count))
    values = {name: float(value) for family in families for name, value in zip(family.names, family.of(counts)[0])}
    return {name: value for name, value in values.items() if np.isfinite(value)}
