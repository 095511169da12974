"""Tests of differences: paired by unit, and corrected where there are many."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, false_discovery_control
from scipy.stats import t as student

PERMUTATIONS = 10_000


def paired_p(differences: np.ndarray, *, permutations: int = PERMUTATIONS, seed: int = 0) -> float:
    """Returns the two-sided p of two runs' answers to the same units being exchangeable.

    Where no difference but -1, 0 and 1 occurs, as where a unit is one example that is right or wrong, it is McNemar's
    test; else whole units are exchanged at random. Sums of whole numbers take few values, so a test that counts all of
    the probability of what was observed is called too seldom: half of it counts (mid-p). Of 60 examples that only one
    run has right that still is called in 4% to 6% instead of 5%, as their number happens to be.

    Args:
      differences: (units,) the sum of one run's scores of the unit's examples less the other's.
      permutations: draws of exchanges.
      seed: of the draws.

    Sources: Q. McNemar, Psychometrika 12, 1947; M. Fagerland et al., The McNemar Test for Binary Matched-Pairs Data,
    BMC Medical Research Methodology 13, 2013 (mid-p); E. Lehmann and J. Romano, Testing Statistical Hypotheses, 2005,
    chapter 15.2 (exchanges).
    """
    apart = differences[differences != 0]
    if not len(apart):
        return 1.0
    if np.isin(apart, (-1, 1)).all():
        fewer, total = min((apart > 0).sum(), (apart < 0).sum()), len(apart)
        return float(min(1.0, 2 * binom.cdf(fewer, total, 0.5) - binom.pmf(fewer, total, 0.5)))
    return exchange_p(lambda signs: signs @ apart, len(apart), permutations=permutations, seed=seed)


def exchange_p(
    difference: Callable[[np.ndarray], np.ndarray], units: int, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> float:
    """Returns the two-sided p of two runs' answers to the same units being exchangeable, by any metric.

    Args:
      difference: (draws, units) signs, -1 where a unit's answers are exchanged -> (draws,) one run's metric less the
        other's.
      units: how many there are.
      permutations: draws of exchanges.
      seed: of the draws.
    """
    beyond, equal = _exchanged(difference, units, permutations, seed)
    return min(1.0, beyond + equal / 2)


def _exchanged(
    difference: Callable[[np.ndarray], np.ndarray], units: int, permutations: int, seed: int
) -> tuple[float, float]:
    """Returns the probabilities of a larger difference than the observed one, either way, and of as large a one."""
    random, observed = np.random.default_rng(seed), abs(float(difference(np.ones((1, units)))[0]))
    if observed == 0:
        return 1.0, 0.0
    at_once = max(1, 4_000_000 // units)
    beyond = equal = 0
    close = 1e-9 * observed  # sums of the same numbers in another order differ in their last digits
    for start in range(0, permutations, at_once):
        rows = min(at_once, permutations - start)
        drawn = np.abs(difference(random.integers(2, size=(rows, units)) * 2.0 - 1))
        equal += int((np.abs(drawn - observed) <= close).sum())
        beyond += int((drawn > observed + close).sum())
    return beyond / (permutations + 1), (equal + 1) / (permutations + 1)


@dataclass(frozen=True)
class MeanDifference:
    """A difference of two means.

    Attributes:
      value: the second mean less the first.
      low: where its 95% interval begins; NaN where the spread cannot be told.
      high: where it ends.
      p: two-sided, of so large a difference by chance.
    """

    value: float
    low: float
    high: float
    p: float


def welch(first: np.ndarray, second: np.ndarray, ratio: float = 0.0) -> MeanDifference:
    """Compares the means of two samples whose variances may differ; a sample of one has the other's variance.

    Args:
      first: (values,) of one.
      second: (values,) of the other.
      ratio: test examples by training examples where the training sets of a sample overlap, else 0; the variances of
        means are corrected by it.

    Sources: B. Welch, The Generalization of Student's Problem, Biometrika 34, 1947; C. Nadeau and Y. Bengio, Inference
    for the Generalization Error, Machine Learning 52, 2003 (ratio).
    """
    sizes = np.array([len(first), len(second)])
    value = float(second.mean() - first.mean())
    if sizes.max() < 2:
        return MeanDifference(value, math.nan, math.nan, 1.0)
    spreads = [sample.var(ddof=1) if len(sample) > 1 else None for sample in (first, second)]
    known = [spread for spread in spreads if spread is not None]
    shares = np.array([known[0] if spread is None else spread for spread in spreads])
    shares = shares * (1 / sizes + ratio)
    if shares.sum() == 0:  # equal values say that they are rounded or not independent, not that chance has no part
        return MeanDifference(value, math.nan, math.nan, 1.0)
    if len(known) == 1:
        freedom = sizes.max() - 1
    else:
        freedom = shares.sum() ** 2 / (np.square(shares) / (sizes - 1)).sum()
    error = math.sqrt(shares.sum())
    reach = float(student.ppf(0.975, freedom)) * error
    return MeanDifference(value, value - reach, value + reach, float(2 * student.sf(abs(value) / error, freedom)))


def holm(ps: Sequence[float]) -> np.ndarray:
    """Returns p-values that may be compared with a level though several were looked at: any false one is that rare.

    Source: S. Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian J. of Statistics 6, 1979.
    """
    values = np.asarray(ps, np.float64)
    order = np.argsort(values)
    grown = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(grown, 1.0)
    return adjusted


def benjamini_hochberg(ps: Sequence[float]) -> np.ndarray:
    """Returns p-values below a level of which at most that share is false on average.

    Source: Y. Benjamini and Y. Hochberg, Controlling the False Discovery Rate, JRSS B 57, 1995.
    """
    return false_discovery_control(ps) if len(ps) else np.zeros(0)
