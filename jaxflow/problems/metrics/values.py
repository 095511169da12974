"""Metrics of values."""

from dataclasses import dataclass

import jax.numpy as jnp

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean, RootMean


@dataclass(frozen=True)
class RMSE:
    """Root mean squared error, of each of several targets by itself."""

    name = "rmse"
    higher_is_better = False
    unit = "units of the target"

    def __call__(self, batch: ScoredBatch) -> RootMean:
        """Returns the running metric of one batch."""
        return RootMean.of(jnp.square(batch.problem.errors(batch.outputs, batch.targets)), batch.weights)


@dataclass(frozen=True)
class MAE:
    """Mean absolute error, of each of several targets by itself."""

    name = "mae"
    higher_is_better = False
    unit = "units of the target"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of(jnp.abs(batch.problem.errors(batch.outputs, batch.targets)), batch.weights)
