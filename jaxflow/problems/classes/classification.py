"""One of several classes for each example."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_averages, check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.classes import CrossEntropy, check_class_weights
from jaxflow.problems.losses.families import CLASS_LOSSES
from jaxflow.problems.metrics import Accuracy
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_CLASSES
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Classification:
    """One class for each example; predictions are class probabilities."""

    loss: Loss = CrossEntropy()
    """What is minimised: a function of (batch, classes) logits and (batch,) integer labels."""

    metrics: tuple[Metric, ...] = (Accuracy(),)
    """What is measured beside the loss."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "CrossEntropy()", "Accuracy()")
        check_suited(self, OF_CLASSES, CLASS_LOSSES)

    def fit(self, targets: np.ndarray) -> "Classification":
        """Returns the problem with its loss fitted to the training split's (examples,) labels."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one logit for each class of the data's schema.

        Raises:
          UserError: the target is a number or a class for each position, or the loss or a metric is for others.
        """
        if schema.target.kind != "class" or schema.target.dense_shape:
            raise UserError(
                f"problem Classification predicts one class for each example, and the data has {found(schema)}; "
                f"{fitting(schema)}"
            )
        if len(schema.target.names) < 2:
            raise UserError(
                f"problem Classification tells classes apart, and the data has {found(schema)}; {fitting(schema)}"
            )
        check_averages(self, len(schema.target.names))
        check_class_weights(self.loss, len(schema.target.names))
        return len(schema.target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, classes) logits.
          targets: (batch,) integer labels.

        Returns:
          (batch,) float32.
        """
        return self.loss(outputs, targets)

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch,) float32 in nats; arguments as in `losses`."""
        return -CrossEntropy()(outputs, targets)

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, classes) logits to probabilities."""
        return jax.nn.softmax(outputs)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the most likely class indices, (batch,) int32, of (batch, classes) probabilities."""
        return distribution.argmax(axis=-1)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, classes) logits: the probabilities."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the rule that always answers with the most frequent class of the training split."""
        most_frequent = np.bincount(train_targets).argmax()
        return {"accuracy": float(np.mean(targets == most_frequent))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.class_table`."""
        return tables.class_table(schema, predictions, targets)
