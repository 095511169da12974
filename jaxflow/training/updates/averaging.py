"""Averages of the parameters, and of batch statistics, over steps, which are then what is evaluated."""

from typing import Any

import jax
import jax.numpy as jnp


def ema_fraction(decay: Any, steps: jax.Array) -> jax.Array:
    """Returns the fraction of the way that the moving average goes to the parameters of a step.

    It is (1 - decay) / (1 - decay**steps), so that the average is debiased: the parameters of step k of n have the
    weight decay**(n - k), divided by the sum of all weights, and the initial ones, which nothing was learned in, none.

    Args:
      decay: of the average, in (0, 1); may be traced.
      steps: steps that changed the parameters so far, this one among them, scalar int32.

    Returns:
      Scalar float32: 1 for the first step, and 1 - decay after many.
    """
    complement = 1 - decay
    return complement / -jnp.expm1(steps * jnp.log1p(-complement))


def uniform_fraction(first: Any, steps: jax.Array) -> jax.Array:
    """Returns the fraction of the way that the average of the last steps goes to the parameters of a step.

    Args:
      first: the first step that is averaged, from 0; may be traced, and no whole number.
      steps: steps so far, this one among them, scalar int32.

    Returns:
      Scalar float32: 1 up to the first of them, then 1/2, 1/3, ..., so that each has the same weight.

    Source: P. Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018.
    """
    return 1.0 / jnp.maximum(steps - jnp.ceil(first), 1.0)


def toward(average: Any, new: Any, fraction: jax.Array) -> Any:
    """Returns an average that has gone a fraction of the way to a step's values; whole numbers go all of it."""

    def moved(old: jax.Array, new: jax.Array) -> jax.Array:
        if jnp.issubdtype(old.dtype, jnp.integer):
            return new
        return old + fraction.astype(old.dtype) * (new - old)

    return jax.tree.map(moved, average, new)
