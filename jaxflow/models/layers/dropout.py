"""Dropout and stochastic depth, with a random key for each row of the global batch."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models.layers.rows import row_keys


def dropout(inputs: jax.Array, rate: float | jax.Array, keys: jax.Array) -> jax.Array:
    """Zeroes elements at random and scales the others, so that the expectation is kept.

    Unlike flax.linen.Dropout it takes a traced rate: the rate is an argument of the compiled program.

    Args:
      inputs: (batch, ...).
      rate: probability that an element is zeroed, in [0, 1).
      keys: (batch,) random keys, one for each row.

    Returns:
      Array like `inputs`.

    Source: N. Srivastava et al., Dropout, JMLR 2014.
    """
    keep = jax.vmap(lambda key: jax.random.bernoulli(key, 1.0 - rate, inputs.shape[1:]))(keys)
    # A product with the reciprocal: so the compiler divides by constants, and a traced rate gives the same bits.
    return jnp.where(keep, inputs * (1.0 / jnp.asarray(1.0 - rate, inputs.dtype)), 0.0)


class Dropout(nn.Module):
    """Dropout that is active in training and off otherwise."""

    rate: float
    """Probability that an element is zeroed."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        if isinstance(self.rate, int | float):  # a traced rate has no value to look at
            if not 0 <= self.rate < 1:
                raise ValueError(f"dropout is {self.rate}; it must be in [0, 1)")
            train &= self.rate > 0
        if not train:
            return inputs
        return dropout(inputs, self.rate, row_keys(self, len(inputs)))


class StochasticDepth(nn.Module):
    """Leaves a residual branch out, for each row of a batch as a coin falls; in evaluation it is there.

    Source: G. Huang et al., Deep Networks with Stochastic Depth, ECCV 2016. What remains is scaled up in training, as
    with dropout, and not down in evaluation.
    """

    rate: float | jax.Array
    """Probability that the branch is left out."""

    @nn.compact
    def __call__(self, branch: jax.Array, train: bool) -> jax.Array:
        if not train or (isinstance(self.rate, int | float) and self.rate == 0):
            return branch
        ones = jnp.ones((len(branch), *(1,) * (branch.ndim - 1)), branch.dtype)
        return branch * dropout(ones, self.rate, row_keys(self, len(branch)))
