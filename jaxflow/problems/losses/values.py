"""Losses of values."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.ranges import Positive, Probability, check_ranges

LOG_2_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class SquaredError:
    """The square of the error, averaged over an example's outputs."""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values."""
        return jnp.square(outputs - targets).mean(axis=-1)


@dataclass(frozen=True)
class AbsoluteError:
    """The size of the error, averaged over an example's outputs."""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values."""
        return jnp.abs(outputs - targets).mean(axis=-1)


@dataclass(frozen=True)
class Huber:
    """Half the square of the error up to `delta`, and from there on a straight line: outliers pull less.

    Source: P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.
    """

    delta: Positive = 1.0
    """Where the line begins, in standard deviations of the targets."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values, averaged over an example's outputs."""
        size = jnp.abs(outputs - targets)
        square = jnp.minimum(size, self.delta)
        return (square * (size - 0.5 * square)).mean(axis=-1)


@dataclass(frozen=True)
class Pinball:
    """The pinball loss, whose minimum is a quantile: errors below it count `level`, those above 1 - `level`.

    Source: R. Koenker and G. Bassett, Regression Quantiles, Econometrica 46, 1978.
    """

    quantiles: tuple[Probability, ...] = (0.1, 0.5, 0.9)
    """The levels, ascending, of the values that are predicted."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, values, levels) quantiles; targets are (batch, values)."""
        return self.each(outputs, targets).mean(axis=(-2, -1))

    def each(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each value and level, (batch, values, levels); arguments as above."""
        errors = targets[..., None] - outputs
        levels = jnp.array(self.quantiles, jnp.float32).reshape((1,) * (errors.ndim - 1) + (-1,))
        return jnp.maximum(levels * errors, (levels - 1) * errors)


@dataclass(frozen=True)
class GaussianNLL:
    """The negative log-likelihood of normal distributions, in nats, averaged over an example's values."""

    unit = "nats"

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses.

        Args:
          outputs: (batch, values, 2) mean and standard deviation.
          targets: (batch, values).
        """
        mean, std = outputs[..., 0], outputs[..., 1]
        return (0.5 * jnp.square((targets - mean) / std) + jnp.log(std) + 0.5 * LOG_2_PI).mean(axis=-1)
