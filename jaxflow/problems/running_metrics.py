"""Running metrics: float totals and weights, which merge exactly over steps, devices and padded batches."""

import dataclasses
from typing import Self

import clu.metrics
import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Mean(clu.metrics.Metric):
    """A weighted mean of values.

    clu's `from_output` casts weights to booleans; here they are kept as they are.

    Attributes:
      total: scalar float32, the weighted sum.
      weight: scalar float32, the sum of the weights.
      lost: (2,) float32, what both are less than exact sums of the batches; a million of them would else make the
        mean wrong in its third digit.
    """

    total: jax.Array
    weight: jax.Array
    lost: jax.Array = flax.struct.field(default_factory=lambda: jnp.zeros(2, jnp.float32))

    @classmethod
    def of(cls, values: jax.Array, weights: jax.Array) -> Self:
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
    def empty(cls) -> Self:
        """Returns the metric of no values."""
        return cls(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))

    def merge(self, other: clu.metrics.Metric) -> Self:
        """Adds two metrics of one kind."""
        return _add(self, other)

    def compute(self) -> jax.Array:
        """Computes the mean; NaN if there were no values."""
        return self.total / self.weight


@jax.jit
def _add(one: Mean, other: Mean) -> Mean:
    """Adds two means, and keeps what rounding takes away.

    Source: T. J. Dekker, A Floating-Point Technique for Extending the Available Precision, 1971, addition.
    """
    first, second = (jnp.stack([mean.total, mean.weight]) for mean in (one, other))
    both = first + second
    of_second = both - first
    lost = (first - (both - of_second)) + (second - of_second) + one.lost + other.lost
    sums = both + lost
    # Where a sum is not finite, neither is the mean; what is lost would be NaN.
    lost = jnp.where(jnp.isfinite(both), lost - (sums - both), 0.0)
    sums = jnp.where(jnp.isfinite(both), sums, both)
    return dataclasses.replace(one, total=sums[0], weight=sums[1], lost=lost)


@flax.struct.dataclass
class RootMean(Mean):
    """The root of a weighted mean; it merges like the mean, and the root is taken last."""

    def compute(self) -> jax.Array:
        """Computes the root of the mean; NaN if there were no values."""
        return jnp.sqrt(super().compute())


@flax.struct.dataclass
class ExpMean(Mean):
    """e to the power of a weighted mean; it merges like the mean, and the exponential is taken last."""

    def compute(self) -> jax.Array:
        """Computes the exponential of the mean; NaN if there were no values."""
        return jnp.exp(super().compute())


@flax.struct.dataclass
class MeanIoU(clu.metrics.Metric):
    """Intersection over union of predicted and true pixels: the mean over the classes that are in either.

    Attributes:
      both: (classes,) float32, weight of the pixels that have a class and are predicted to.
      predicted: (classes,) float32, weight of the pixels that are predicted to have it.
      true: (classes,) float32, weight of the pixels that have it.

    Source: M. Everingham et al., The Pascal Visual Object Classes Challenge, IJCV 2015, section 4.
    """

    both: jax.Array
    predicted: jax.Array
    true: jax.Array

    @classmethod
    def of(cls, predicted: jax.Array, true: jax.Array, weights: jax.Array, classes: int) -> Self:
        """Sums up a batch.

        Args:
          predicted: (batch, *spatial) integers.
          true: (batch, *spatial) integers; those outside 0..classes - 1 have weight 0.
          weights: (batch, *spatial) float.
          classes: their number.

        Returns:
          The metric of this batch.
        """
        axes = tuple(range(predicted.ndim))

        def weight_of(mask: jax.Array) -> jax.Array:
            return jnp.where(mask, weights, 0.0).sum(axes, dtype=jnp.float32)

        def one(label: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            is_predicted, is_true = predicted == label, true == label
            return weight_of(is_predicted & is_true), weight_of(is_predicted), weight_of(is_true)

        return cls(*jax.vmap(one)(jnp.arange(classes)))

    def merge(self, other: clu.metrics.Metric) -> Self:
        """Adds two metrics of one kind."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> jax.Array:
        """Computes the mean over classes; NaN if there are no pixels."""
        return self._mean(self.both, self.predicted + self.true - self.both)

    def _mean(self, part: jax.Array, whole: jax.Array) -> jax.Array:
        present = whole > 0
        return jnp.where(present, part / jnp.where(present, whole, 1.0), 0.0).sum() / present.sum()


@flax.struct.dataclass
class MeanDice(MeanIoU):
    """Twice the intersection over the sum of both: the mean over the classes that are in either.

    Source: L. R. Dice, Measures of the Amount of Ecologic Association Between Species, Ecology 26, 1945.
    """

    def compute(self) -> jax.Array:
        """Computes the mean over classes; NaN if there are no pixels."""
        return self._mean(2 * self.both, self.predicted + self.true)
