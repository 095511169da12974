"""Confidence intervals: a bootstrap that resamples units, never pixels or windows as if they were independent.

The intervals are BCa (bias-corrected and accelerated): accuracies near 1 and errors near 0 are skewed, and plain
percentiles of the replicates, which move with the bias, cover less there. With few units the normal quantiles in them
are replaced by wider ones of Student's t.

Sources: B. Efron, Better Bootstrap Confidence Intervals, JASA 82, 1987; T. Hesterberg, What Teachers Should Know About
the Bootstrap, The American Statistician 69, 2015 (section 4.4, expanded percentiles).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import beta
from scipy.stats import t as student

from jaxflow.evaluation.metrics.scores import Scores

CONFIDENCE = 0.95
REPLICATES = 2000
# Below this many units an interval is a guess: a resample of few holds too few different ones.
FEW_UNITS = 20
# Groups of units that are left out in turn, at most, to estimate the skewness.
_MAX_LEFT_OUT = 200
# What sums of the same numbers in another order differ by, at most, relative to them.
ROUNDING = 1e-12
# Numbers in the counts that are computed at once.
_CHUNK = 2_000_000


@dataclass(frozen=True)
class Measured:
    """A metric's value with its interval.

    Attributes:
      value: of the whole split; NaN where the metric is not defined.
      low: where the interval begins; NaN where there is none: of a single unit, or where all resamples agree.
      high: where it ends.
    """

    value: float
    low: float
    high: float


def measure(
    families: Sequence[Scores],
    units: int,
    *,
    confidence: float = CONFIDENCE,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Measured]:
    """Computes metrics and their bootstrap intervals, all from the same resamples.

    Args:
      families: the metrics.
      units: how many units the split has.
      confidence: of the intervals, in (0, 1).
      replicates: how many resamples are drawn.
      seed: of the resamples.

    Returns:
      By name of the metric, in the order of the families.
    """
    names = [name for family in families for name in family.names]
    values = _evaluate(families, np.ones((1, units)))[0]
    if units < 2:
        return {name: Measured(float(value), math.nan, math.nan) for name, value in zip(names, values)}
    drawn = np.concatenate([_evaluate(families, counts) for counts in _resamples(units, replicates, seed)])
    left_out = np.concatenate([_evaluate(families, counts) for counts in _jackknife(units)])
    proportions = {name: of for family in families for name, of in family.proportions.items()}
    return {
        name: _measured(values[i], drawn[:, i], left_out[:, i], units, confidence, proportions.get(name, 0))
        for i, name in enumerate(names)
    }


def _evaluate(families: Sequence[Scores], counts: np.ndarray) -> np.ndarray:
    """Returns the metrics of all families, (replicates, metrics)."""
    return np.concatenate([family.of(counts) for family in families], 1)


def _resamples(units: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Yields how often each unit is drawn, (some replicates, units), when as many are drawn as there are."""
    random = np.random.default_rng(seed)
    at_once = max(1, min(replicates, _CHUNK // units))
    for start in range(0, replicates, at_once):
        rows = min(at_once, replicates - start)
        drawn = random.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def _jackknife(units: int) -> Iterator[np.ndarray]:
    """Yields counts that leave out one unit in turn, or one of _MAX_LEFT_OUT sets of them where there are more."""
    sets = min(units, _MAX_LEFT_OUT)
    member = np.arange(units) % sets
    at_once = max(1, _CHUNK // units)
    for start in range(0, sets, at_once):
        yield (member != np.arange(start, min(start + at_once, sets))[:, None]).astype(np.float64)


def _measured(
    value: float, drawn: np.ndarray, left_out: np.ndarray, units: int, confidence: float, trials: int
) -> Measured:
    """Returns a metric with its BCa interval.

    Args:
      value: of all units.
      drawn: (replicates,) of resamples.
      left_out: (sets,) without each set of units.
      units: how many there are.
      confidence: of the interval.
      trials: of a share of units, how many these are: its interval at 0 and 1 is Clopper and Pearson's; else 0.
    """
    value, tail = float(value), (1 - confidence) / 2
    defined = np.isfinite(drawn)  # a resample without a class has no recall of it
    # Where most resamples lack something, those that do not are no sample of what else might have been drawn.
    if not math.isfinite(value) or defined.mean() <= 0.5:
        return Measured(value, math.nan, math.nan)
    drawn = drawn[defined]
    if trials > 1 and value in (0.0, 1.0) and (drawn == value).all():
        bound = float(beta.ppf(tail, trials, 1))
        return Measured(value, *((bound, 1.0) if value else (0.0, 1 - bound)))
    if np.ptp(drawn) <= ROUNDING * abs(value):  # resamples that all agree tell nothing of what was not drawn
        return Measured(value, math.nan, math.nan)
    below = np.clip(((drawn < value).mean() + (drawn <= value).mean()) / 2, 1 / len(drawn), 1 - 1 / len(drawn))
    bias, skew = ndtri(below), _acceleration(left_out)
    reach = math.sqrt(units / (units - 1)) * student.ppf(1 - tail, units - 1)
    ends = bias + np.array([-reach, reach])
    ends = bias + ends / np.maximum(1 - skew * ends, 1e-6)
    low, high = np.quantile(drawn, ndtr(ends))
    return Measured(value, float(low), float(high))


def _acceleration(left_out: np.ndarray) -> float:
    """Returns the BCa interval's acceleration, a sixth of the skewness of the jackknife's values."""
    apart = np.nanmean(left_out) - left_out[np.isfinite(left_out)]
    spread = np.square(apart).sum() ** 1.5
    return float((apart**3).sum() / (6 * spread)) if spread > 0 else 0.0
