"""One of several classes for each pixel or voxel."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.class_weights import ClassWeights, check_weights, fit_weights, weighted
from jaxflow.problems.losses import softmax_cross_entropy
from jaxflow.problems.running_metrics import Mean, MeanDice, MeanIoU
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Segmentation:
    """Cross-entropy over the pixels of masks; predictions are masks. Void pixels count nowhere."""

    label_smoothing: float = 0.0
    """Share of each label's probability that is spread evenly over all classes."""

    class_weights: ClassWeights = "none"
    """How much the loss of a pixel counts, by its class: alike; "balanced" in inverse proportion to the class's
    training pixels, so that every class counts as much as any other; or a number for each class."""

    selection_metric: ClassVar[str] = "loss"

    def fit(self, targets: np.ndarray) -> "Segmentation":
        """Takes the weights of balanced classes from the training split's (examples, *places) masks."""
        return dataclasses.replace(self, class_weights=fit_weights(self.class_weights, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Counts the model's outputs for each place: one logit for each class of the data's schema.

        Raises:
          UserError: the targets are no masks, or `class_weights` are those of other classes.
        """
        if (
            schema.target.kind != "class"
            or schema.inputs.kind not in ("image", "volume")
            or not schema.target.dense_shape
        ):
            raise UserError(
                "problem Segmentation predicts masks of images or volumes, and the data has none; "
                "use Classification() or Regression(), or data with masks, for example ImageMasks"
            )
        check_weights(self.class_weights, len(schema.target.names))
        return len(schema.target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each place.

        Args:
          outputs: (batch, *places, classes) logits.
          targets: (batch, *places) integer labels; what is below 0 gives a number that must not count.

        Returns:
          (batch, *places) float32 cross-entropies in nats, times the weights of the classes.
        """
        losses = softmax_cross_entropy(outputs, targets, self.label_smoothing)
        return weighted(losses, self.class_weights, targets)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Turns (batch, *places, classes) logits into masks: (batch, *places) integers as the targets' are."""
        return outputs.argmax(-1).astype(np.min_scalar_type(-outputs.shape[-1]))

    def metrics(self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array) -> dict[str, Mean]:
        """StepGradients up a batch's loss and how well its masks are met.

        Args:
          outputs: (batch, *places, classes) logits.
          targets: (batch, *places) integer labels.
          losses: (batch, *places) as `losses` gives them.
          weights: (batch, *places) float, 0 where there is padding and where the class is void.

        Returns:
          Metrics that merge: "loss", "accuracy" of pixels, and the means over classes of "iou" (intersection over
          union) and "dice", of all examples' pixels together.
        """
        predicted = outputs.argmax(-1)
        sums = MeanIoU.of(predicted, targets, weights, outputs.shape[-1])
        return {
            "loss": Mean.of(losses, weights),
            "accuracy": Mean.of((predicted == targets).astype(jnp.float32), weights),
            "iou": sums,
            "dice": MeanDice(sums.both, sums.predicted, sums.true),
        }

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the mask that has the most frequent class of the training split everywhere."""
        counts = np.bincount(train_targets[train_targets >= 0])
        share = float(np.mean(targets[targets >= 0] == counts.argmax()))
        there = len(np.union1d(np.unique(targets[targets >= 0]), counts.argmax()))
        return {"accuracy": share, "iou": share / there, "dice": 2 * share / (1 + share) / there}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.mask_table`."""
        return tables.mask_table(schema, predictions, targets)
