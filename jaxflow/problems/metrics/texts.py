"""Metrics of texts."""

from dataclasses import dataclass

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import ExpMean


@dataclass(frozen=True)
class Perplexity:
    """e to the power of the mean negative log-likelihood of the targets."""

    name = "perplexity"
    higher_is_better = False
    unit = ""

    def __call__(self, batch: ScoredBatch) -> ExpMean:
        """Returns the running metric of one batch."""
        return ExpMean.of(-batch.log_likelihoods, batch.weights)
