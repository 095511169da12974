"""Metrics of masks."""

from dataclasses import dataclass

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import MeanDice, MeanIoU


@dataclass(frozen=True)
class IoU:
    """Intersection over union of predicted and true pixels, the mean over classes."""

    name = "iou"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> MeanIoU:
        """Returns the running metric of one batch."""
        return MeanIoU.of(batch.predicted, batch.targets, batch.weights, batch.outputs.shape[-1])


@dataclass(frozen=True)
class Dice:
    """Twice the intersection over the sum of predicted and true pixels, the mean over classes."""

    name = "dice"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> MeanDice:
        """Returns the running metric of one batch."""
        return MeanDice.of(batch.predicted, batch.targets, batch.weights, batch.outputs.shape[-1])
