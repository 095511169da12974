"""Transforms of values to predict that make their distribution even, and their inverses.

They are those of a table's numbers, on the host in float64 where they are fitted and on the device where they are used.
"""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jax.scipy.special import ndtri as device_ndtri

from jaxflow.errors import UserError

TargetTransform = Literal["none", "log", "quantile"]
TRANSFORMS = ("none", "log", "quantile")
# Training quantiles that are kept, as scikit-learn keeps them; ranks beyond these become the deviates of LIMIT.
MAX_QUANTILES, LIMIT = 1000, 1e-7
# Logarithms beyond this one are of numbers that float32 has not: they stand for the largest.
MAX_LOG = 88.0


def fit_quantiles(values: np.ndarray) -> tuple[float, ...]:
    """Computes the quantiles of (examples,) float64 training values, evenly spaced, for "quantile"."""
    return tuple(np.quantile(values, np.linspace(0, 1, min(MAX_QUANTILES, len(values)))).tolist())


def transformed(values: Any, transforms: Sequence[TargetTransform], quantiles: Sequence[tuple[float, ...]]) -> Any:
    """Transforms values, each output's by its own.

    Args:
      values: (examples, outputs) float64 of NumPy or float32 of JAX; the result is alike.
      transforms: of each output. log: sign(y) log(1 + |y|); quantile: the normal deviate of the rank among `quantiles`,
        as scikit-learn's QuantileTransformer has it.
      quantiles: of each output from `fit_quantiles`, () where it needs none.

    Returns:
      (examples, outputs).
    """
    if set(transforms) == {"none"}:
        return values
    np_ = np if isinstance(values, np.ndarray) else jnp
    if "quantile" not in transforms:
        return np_.where(_are("log", transforms), np_.sign(values) * np_.log1p(np_.abs(values)), values)
    return np_.stack([_forward(values[:, i], *each, np_) for i, each in enumerate(zip(transforms, quantiles))], -1)


def restored(values: jax.Array, transforms: Sequence[TargetTransform], quantiles: Sequence[tuple[float, ...]]) -> Any:
    """Inverts `transformed`, (batch, outputs) float32; beyond the training quantiles are the least and the largest."""
    if set(transforms) == {"none"}:
        return values
    if "quantile" not in transforms:
        size = jnp.expm1(jnp.minimum(jnp.abs(values), MAX_LOG))
        return jnp.where(_are("log", transforms), jnp.sign(values) * size, values)
    return jnp.stack([_inverse(values[:, i], *each) for i, each in enumerate(zip(transforms, quantiles))], -1)


def _are(transform: TargetTransform, transforms: Sequence[TargetTransform]) -> np.ndarray:
    return np.array([each == transform for each in transforms])


def _forward(column: Any, transform: TargetTransform, quantiles: tuple[float, ...], np_: Any) -> Any:
    if transform != "quantile":
        return transformed(column[:, None], (transform,), ((),))[:, 0]
    _check_fitted(quantiles)
    known, ranks = np_.array(quantiles, column.dtype), np_.linspace(0, 1, len(quantiles), dtype=column.dtype)
    # Of equal quantiles the middle rank: the mean of the first and the last.
    rank = (np_.interp(column, known, ranks) - np_.interp(-column, -known[::-1], -ranks[::-1])) / 2
    rank = np_.where(column <= known[0], 0.0, np_.where(column >= known[-1], 1.0, rank))
    # Ranks near 1 go by their distance from it: float32 has no 1 - LIMIT.
    deviates = _normal_deviates(np_.clip(np_.minimum(rank, 1 - rank), LIMIT, None))
    return np_.where(rank > 0.5, -deviates, deviates)


def _check_fitted(quantiles: tuple[float, ...]) -> None:
    if not quantiles:
        raise UserError("transform 'quantile' goes by training targets: Regression(...).fit(train.targets) finds them")


def _normal_deviates(ranks: Any) -> Any:
    if not isinstance(ranks, np.ndarray):
        return device_ndtri(ranks)
    from scipy.special import ndtri

    return ndtri(ranks)


def _inverse(column: jax.Array, transform: TargetTransform, quantiles: tuple[float, ...]) -> jax.Array:
    if transform != "quantile":
        return restored(column[:, None], (transform,), ((),))[:, 0]
    _check_fitted(quantiles)
    known = jnp.array(quantiles, jnp.float32)
    return jnp.interp(ndtr(column), jnp.linspace(0, 1, len(quantiles)), known)
