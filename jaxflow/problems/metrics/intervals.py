"""Metrics of values that are predicted with their uncertainty."""

from dataclasses import dataclass

import jax.numpy as jnp

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean


@dataclass(frozen=True)
class Coverage:
    """Fraction of values within the predicted interval. The best is the interval's own level, not the highest."""

    name = "coverage"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        low, high = batch.problem.interval(batch.outputs)  # (batch, values) each
        values = batch.problem.standardized(batch.targets)
        return Mean.of(((low <= values) & (values <= high)).astype(jnp.float32), batch.weights)


@dataclass(frozen=True)
class Pinball:
    """Mean pinball loss of predicted quantiles, over all values and levels alike."""

    name = "pinball"
    higher_is_better = False
    unit = "units of the target"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        _, std = batch.problem.scale()
        losses = batch.problem.level_losses(batch.outputs, batch.targets)  # (batch, values, levels)
        return Mean.of(losses * std[..., None], batch.weights)


@dataclass(frozen=True)
class NLL:
    """Mean negative log-likelihood of the values in the data's units, over all values alike."""

    name = "nll"
    higher_is_better = False
    unit = "nats"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of(batch.problem.negative_log_likelihoods(batch.outputs, batch.targets), batch.weights)
