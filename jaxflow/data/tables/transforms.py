"""Transforms of numbers that make their distribution even: logarithms and ranks."""

from typing import Literal

import numpy as np

Transform = Literal["none", "log", "quantile"]
# Training quantiles that are kept, as scikit-learn keeps them; ranks beyond these become the deviates of LIMIT.
MAX_QUANTILES, LIMIT = 1000, 1e-7


def fit_quantiles(values: np.ndarray) -> tuple[float, ...]:
    """Computes the quantiles of (rows,) training values, evenly spaced, for `transformed`."""
    return tuple(np.quantile(values, np.linspace(0, 1, min(MAX_QUANTILES, len(values)))).tolist())


def transformed(values: np.ndarray, transform: Transform, quantiles: tuple[float, ...] = ()) -> np.ndarray:
    """Transforms numbers.

    Args:
      values: (rows,) float64.
      transform: log: sign(x) log(1 + |x|); quantile: the normal deviate of the rank among `quantiles`, as
        scikit-learn's QuantileTransformer has it.
      quantiles: from `fit_quantiles`.

    Returns:
      (rows,) float64.
    """
    if transform == "none":
        return values
    if transform == "log":
        return np.sign(values) * np.log1p(np.abs(values))
    from scipy.special import ndtri

    known, ranks = np.array(quantiles), np.linspace(0, 1, len(quantiles))
    # Of equal quantiles the middle rank: the mean of the first and the last.
    rank = (np.interp(values, known, ranks) - np.interp(-values, -known[::-1], -ranks[::-1])) / 2
    return ndtri(np.clip(rank, LIMIT, 1 - LIMIT))
