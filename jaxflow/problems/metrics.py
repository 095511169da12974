"""Metrics as float totals and weights: they merge exactly over steps, devices and padded batches."""

import clu.metrics
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np


@flax.struct.dataclass
class Mean(clu.metrics.Metric):
    """A weighted mean of values.

    clu's own `from_output` casts weights to booleans; here they stay what they are.

    Attributes:
      total: scalar float32, the weighted sum.
      weight: scalar float32, the sum of the weights.
    """

    total: jax.Array
    weight: jax.Array

    @classmethod
    def of(cls, values: jax.Array, weights: jax.Array) -> "Mean":
        """Sums up a batch.

        Args:
          values: (batch, ...) values.
          weights: weights; their shape is a prefix of that of `values`.

        Returns:
          The metric of this batch.
        """
        trailing = values.shape[weights.ndim :]
        weights = jnp.broadcast_to(weights.reshape(weights.shape + (1,) * len(trailing)), values.shape)
        # A row of weight 0 is padding and may hold anything, NaN included.
        total = jnp.where(weights > 0, values * weights, 0.0).sum(dtype=jnp.float32)
        return cls(total, weights.sum(dtype=jnp.float32))

    @classmethod
    def empty(cls) -> "Mean":
        """Makes the metric of no values."""
        return cls(np.zeros((), np.float32), np.zeros((), np.float32))

    def merge(self, other: "Mean") -> "Mean":
        """Adds two metrics up."""
        return type(self)(self.total + other.total, self.weight + other.weight)

    def compute(self) -> jax.Array:
        """Computes the mean; NaN where there were no values."""
        return self.total / self.weight


@flax.struct.dataclass
class RootMean(Mean):
    """The root of a weighted mean; it merges like the mean, and the root is taken last."""

    def compute(self) -> jax.Array:
        """Computes the root of the mean; NaN where there were no values."""
        return jnp.sqrt(super().compute())


@flax.struct.dataclass
class ExpMean(Mean):
    """e to the power of a weighted mean; it merges like the mean, and the exponential is taken last."""

    def compute(self) -> jax.Array:
        """Computes the exponential of the mean; NaN where there were no values."""
        return jnp.exp(super().compute())
