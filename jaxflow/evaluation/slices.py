"""Where a model errs more than elsewhere: the mean error of each slice of a split, and which of them are no chance."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import hypergeom

from jaxflow.evaluation.metrics.scores import Units, sums_by_unit
from jaxflow.evaluation.metrics.significance import benjamini_hochberg

# Examples that a slice has at least, and leaves to the others.
MIN_EXAMPLES = 20
# Share of all examples that a slice has at least.
MIN_SHARE = 0.005
# Values that a column's slices are of, at most: the most frequent ones.
MAX_VALUES = 20
# Slices of a column of numbers, of equal size.
BUCKETS = 4
SHUFFLES = 4000
LEVEL = 0.05
# Examples up to which errors are dealt anew.
MAX_SHUFFLED = 5_000
# Numbers that are drawn at once.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Slice:
    """A part of a split, and how much a model errs there.

    Attributes:
      column: what tells the part.
      value: the value of the column there, or its range.
      examples: how many there are.
      error: the mean error there.
      elsewhere: the mean error of the others.
      p: of such a difference by chance, corrected for all slices that were looked at.
    """

    column: str
    value: str
    examples: int
    error: float
    elsewhere: float
    p: float


def find_slices(
    columns: Mapping[str, np.ndarray], errors: np.ndarray, units: Units, *, shuffles: int = SHUFFLES, seed: int = 0
) -> list[Slice]:
    """Compares the error of each slice with that of the others.

    Where each unit is one example, errors are dealt to the examples anew, at random (of errors that are 0 or 1, and of
    very many, the distribution that this gives is computed); else the signs of whole units' deviations are, since
    examples of one unit err together (a wild cluster bootstrap, A. C. Cameron et al., Review of Economics and
    Statistics 90, 2008). Of the p-values that gives, at most LEVEL of those below LEVEL are false on average, after
    Benjamini and Hochberg.

    Args:
      columns: by name a value of each example, (examples,) numbers or texts; NaN and "" are missing.
      errors: (examples,) what is compared: 1 where an answer is wrong, or an absolute or squared error.
      units: of the examples.
      shuffles: how often errors or signs are drawn.
      seed: of the draws.

    Returns:
      All slices with MIN_EXAMPLES at least, the largest difference first.
    """
    least = max(MIN_EXAMPLES, int(MIN_SHARE * len(errors)))
    found = [
        (column, value, member)
        for column, values in columns.items()
        for value, member in _members(values)
        if least <= member.sum() <= len(member) - least
    ]
    if not found:
        return []
    members = [member for _, _, member in found]  # (example,) booleans of each slice
    sizes = np.array([member.sum() for member in members])
    inside = np.array([errors[member].mean() for member in members])
    outside = (errors.sum() - inside * sizes) / (len(errors) - sizes)
    adjusted = benjamini_hochberg(_chances(members, errors, units, shuffles, seed))
    slices = [
        Slice(column, value, int(size), float(here), float(there), float(p))
        for (column, value, _), size, here, there, p in zip(found, sizes, inside, outside, adjusted)
    ]
    return sorted(slices, key=lambda each: each.elsewhere - each.error)


def worse_slices(slices: list[Slice]) -> list[Slice]:
    """Returns the slices where a model errs more than elsewhere, and not by chance."""
    return [each for each in slices if each.p < LEVEL and each.error > each.elsewhere]


def _members(values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the slices of a column: its frequent values, or of many numbers ranges of about as many examples each."""
    numbers = values.dtype.kind in "iuf"
    missing = np.isnan(values.astype(np.float64)) if numbers else values.astype(str) == ""
    if missing.any():
        yield "missing", missing
    distinct, counts = np.unique(values[~missing], return_counts=True)
    if not numbers or len(distinct) <= BUCKETS:
        for value in distinct[np.argsort(-counts, kind="stable")][:MAX_VALUES]:
            yield f"{value:g}" if numbers else str(value), (values == value) & ~missing
        return
    held = values[~missing]
    # A value that a bucket or more would be full of is a slice by itself, such as 0 of amounts.
    often = distinct[counts * BUCKETS > len(held)]
    for value in often:
        yield _written(value, value)[0], values == value
    rest = held[~np.isin(held, often)]
    if not len(rest):
        return
    buckets = max(1, round(BUCKETS * len(rest) / len(held)))
    edges = np.unique(np.quantile(rest, np.linspace(0, 1, buckets + 1)))
    ranges = list(itertools.pairwise(edges)) or [(edges[0], edges[0])]
    for place, (low, high) in enumerate(ranges):
        below = values <= high if place == len(ranges) - 1 else values < high
        yield " to ".join(_written(low, high)), (values >= low) & below & ~missing & ~np.isin(values, often)


def _written(low: float, high: float) -> tuple[str, str]:
    """Returns the ends of a range with four digits, or as many more as tell them apart."""
    for digits in range(4, 17):
        written = f"{low:.{digits}g}", f"{high:.{digits}g}"
        if low == high or (written[0] != written[1] and "e" not in "".join(written)):
            break
    return written


def _chances(members: Sequence[np.ndarray], errors: np.ndarray, units: Units, shuffles: int, seed: int) -> np.ndarray:
    """Returns the p-value of each slice's difference, two-sided, (slices,)."""
    examples = len(errors)
    if units.count < examples:
        return _signs(np.stack(members), errors - errors.mean(), units, shuffles, seed)
    sizes = np.array([member.sum() for member in members])
    if np.isin(errors, (0, 1)).all():
        wrong = np.array([errors[member].sum() for member in members])
        return _exact(examples, int(errors.sum()), sizes, wrong.astype(int))
    deviations = errors - errors.mean()
    sums = np.array([deviations[member].sum() for member in members])
    if examples > MAX_SHUFFLED:  # sums of so many are normal: their variance when errors are dealt anew
        variance = np.square(deviations).sum() / (examples - 1) * sizes * (1 - sizes / examples)
        return 2 * ndtr(-np.abs(sums) / np.sqrt(np.maximum(variance, np.finfo(float).tiny)))
    return _shuffled(np.stack(members), deviations, np.abs(sums), shuffles, seed)


def _exact(examples: int, wrong: int, sizes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Returns how likely as many wrong answers, or more unlikely numbers of them, are in slices at random, (slices,).

    Source: R. A. Fisher, The Design of Experiments, 1935: the hypergeometric distribution, by distance from its mean.
    """
    mean = sizes * wrong / examples
    apart = np.abs(inside - mean) * (1 - 1e-12)
    above = hypergeom.sf(np.ceil(mean + apart) - 1, examples, wrong, sizes)
    below = hypergeom.cdf(np.floor(mean - apart), examples, wrong, sizes)
    return np.minimum(above + below, 1.0)


def _shuffled(
    members: np.ndarray, deviations: np.ndarray, observed: np.ndarray, shuffles: int, seed: int
) -> np.ndarray:
    """Returns how often errors that are dealt anew differ as much, (slices,)."""
    random, examples = np.random.default_rng(seed), len(deviations)
    weights = members.astype(np.float64)  # (slice, example)
    beyond, close = np.ones(len(members)), 1e-9 * np.abs(deviations).sum()
    at_once = max(1, _CHUNK // examples)
    for start in range(0, shuffles, at_once):
        rows = min(at_once, shuffles - start)
        drawn = weights @ random.permuted(np.broadcast_to(deviations, (rows, examples)), axis=1).T
        beyond += (np.abs(drawn) >= observed[:, None] - close).sum(1)
    return beyond / (shuffles + 1)


def _signs(members: np.ndarray, deviations: np.ndarray, units: Units, shuffles: int, seed: int) -> np.ndarray:
    """Returns how often units with signs at random differ as much, (slices,)."""
    random = np.random.default_rng(seed)
    centred = members - members.mean(1, keepdims=True)  # (slice, example)
    observed = np.abs(centred @ deviations)
    by_unit = np.asarray(sums_by_unit((centred * deviations).T, units))  # (unit, slice)
    beyond, close = np.ones(len(members)), 1e-9 * np.abs(deviations).sum()
    at_once = max(1, _CHUNK // units.count)
    for start in range(0, shuffles, at_once):
        signs = random.integers(2, size=(min(at_once, shuffles - start), units.count)) * 2 - 1
        drawn = np.abs(signs @ by_unit).T  # (slice, draw)
        beyond += (drawn >= observed[:, None] - close).sum(1)
    return beyond / (shuffles + 1)
