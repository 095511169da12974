"""One of several classes for each pixel or voxel."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_averages, check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.classes import CrossEntropy, check_class_weights
from jaxflow.problems.losses.families import MASK_LOSSES
from jaxflow.problems.metrics import Accuracy, Dice, IoU
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_PIXELS
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Segmentation:
    """A class for each pixel or voxel; predictions are masks. Pixels whose class is ignored count nowhere."""

    loss: Loss = CrossEntropy()
    """What is minimised: a function of (batch, *spatial, classes) logits and (batch, *spatial) integer labels."""

    metrics: tuple[Metric, ...] = (Accuracy(), IoU(), Dice())
    """What is measured beside the loss, over all examples' pixels together."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "CrossEntropy()", "IoU()")
        check_suited(self, OF_PIXELS, MASK_LOSSES)

    def fit(self, targets: np.ndarray) -> "Segmentation":
        """Returns the problem with its loss fitted to the training split's (examples, *spatial) masks."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs for each pixel: one logit for each class of the data's schema.

        Raises:
          UserError: the targets are no masks, or the loss weighs other classes.
        """
        if (
            schema.target.kind != "class"
            or schema.inputs.kind not in ("image", "volume")
            or not schema.target.dense_shape
        ):
            raise UserError(
                f"problem Segmentation predicts masks of images or volumes, and the data has {found(schema)}; "
                f"{fitting(schema)}, or data with masks, for example ImageMasks"
            )
        check_averages(self, len(schema.target.names))
        check_class_weights(self.loss, len(schema.target.names))
        return len(schema.target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each pixel.

        Args:
          outputs: (batch, *spatial, classes) logits.
          targets: (batch, *spatial) integer labels; what is below 0 yields a number that must not count.

        Returns:
          (batch, *spatial) float32.
        """
        return self.loss(outputs, targets)

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch, *spatial) float32 in nats; arguments as in `losses`."""
        return -CrossEntropy()(outputs, jnp.maximum(targets, 0))

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, *spatial, classes) logits to probabilities."""
        return jax.nn.softmax(outputs)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the masks of (batch, *spatial, classes) probabilities: (batch, *spatial) integers."""
        return distribution.argmax(-1).astype(np.min_scalar_type(-distribution.shape[-1]))

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, *spatial, classes) logits: masks."""
        return self.answer(outputs)  # the maximum of logits is that of probabilities

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the mask that has the most frequent class of the training split everywhere."""
        counts = np.bincount(train_targets[train_targets >= 0])
        fraction = float(np.mean(targets[targets >= 0] == counts.argmax()))
        classes = len(np.union1d(np.unique(targets[targets >= 0]), counts.argmax()))
        return {"accuracy": fraction, "iou": fraction / classes, "dice": 2 * fraction / (1 + fraction) / classes}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.mask_table`."""
        return tables.mask_table(schema, predictions, targets)
