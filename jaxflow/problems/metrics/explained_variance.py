"""How much of what varies in examples of many values is predicted."""

from dataclasses import dataclass
from typing import Self

import clu.metrics
import flax.struct
import jax
import jax.numpy as jnp

from jaxflow.problems.metrics.base import ScoredBatch

# A variance is told if rounding changes no more of it. Standardised values always vary enough.
PRECISION = 1e-3


@flax.struct.dataclass
class SquaredSums(clu.metrics.Metric):
    """One less the squared errors over the values' variance, both summed over an example's values.

    Attributes:
      errors: scalar float32, weighted sum of squared errors.
      values: (values,) float32, weighted sum of the true values.
      squares: (values,) float32, of their squares.
      weight: scalar float32, sum of the weights.
    """

    errors: jax.Array
    values: jax.Array
    squares: jax.Array
    weight: jax.Array

    @classmethod
    def of(cls, predicted: jax.Array, true: jax.Array, weights: jax.Array) -> Self:
        """Sums up a batch of (batch, values) predicted and true values, with (batch,) weights."""
        weights = weights[:, None]
        true, predicted = (jnp.where(weights > 0, part, 0.0).astype(jnp.float32) for part in (true, predicted))
        errors = (jnp.square(predicted - true) * weights).sum()
        return cls(errors, (true * weights).sum(0), (jnp.square(true) * weights).sum(0), weights.sum(dtype=jnp.float32))

    def merge(self, other: clu.metrics.Metric) -> Self:
        """Adds two metrics of one kind."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> jax.Array:
        """Computes the fraction; NaN if the values vary too little, beside their size, to tell how much."""
        squares = self.squares / self.weight
        variance = (squares - jnp.square(self.values / self.weight)).sum()
        told = squares.sum() * jnp.finfo(jnp.float32).eps < PRECISION * variance
        return jnp.where(told, 1 - self.errors / self.weight / variance, jnp.nan)


@dataclass(frozen=True)
class ExplainedVariance:
    """Fraction of the inputs' variance that reconstructions explain: 0 for the mean input, 1 for the inputs.

    NaN where inputs are large beside what they vary by, from a hundred standard deviations on; standardise them.
    """

    name = "explained_variance"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> SquaredSums:
        """Returns the running metric of one batch."""
        return SquaredSums.of(batch.outputs[..., 0], batch.outputs[..., 1], batch.weights)
