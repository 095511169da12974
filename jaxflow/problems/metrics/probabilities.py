"""Metrics of probabilities: proper scoring rules, best where they are the true ones."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean


@dataclass(frozen=True)
class LogLoss:
    """Mean negative log-probability of the targets: the cross-entropy, whatever the loss that is minimised."""

    name = "log_loss"
    higher_is_better = False
    unit = "nats"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of(-batch.log_likelihoods, batch.weights)


@dataclass(frozen=True)
class Brier:
    """Mean squared distance of probabilities and targets: of two classes or a label the square of one difference.

    Of three classes and more it is the sum over the classes, from 0 to 2, as scikit-learn has it.

    Source: G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950.
    """

    name = "brier"
    higher_is_better = False
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        probabilities = batch.probabilities.astype(jnp.float32)
        if batch.of_labels:
            return Mean.of(jnp.square(probabilities - batch.targets), batch.weights)
        classes = probabilities.shape[-1]
        squares = jnp.square(probabilities - jax.nn.one_hot(batch.targets, classes)).sum(-1)
        return Mean.of(squares / 2 if classes == 2 else squares, batch.weights)
