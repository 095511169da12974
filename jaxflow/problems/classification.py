"""One of several classes for each example."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import numpy as np

from jaxflow.errors import UserError, listed
from jaxflow.problems import tables
from jaxflow.problems.losses import CrossEntropy, Loss, check_class_weights, fit_loss
from jaxflow.problems.metrics import Accuracy, Metric, check_choices, score
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

    def fit(self, targets: np.ndarray) -> "Classification":
        """Returns the problem with its loss fitted to the training split's (examples,) labels."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one logit for each class of the data's schema.

        Raises:
          UserError: the target is a number or a class for each position, or the loss weighs other classes.
        """
        if schema.target.kind != "class":
            if schema.target.several:
                raise UserError(
                    "problem Classification predicts one class for each example, and the data has several targets at "
                    f"once ({listed(schema.target.names)}); name one of them, or use a problem of your own"
                )
            numbers = ", ".join(schema.target.names)
            raise UserError(
                f"problem Classification predicts classes, and the data has numbers ({numbers}); "
                "use problem=Regression()"
            )
        if schema.target.dense_shape:
            other = "LanguageModelling" if schema.inputs.kind == "tokens" else "Segmentation"
            raise UserError(
                "problem Classification predicts one class for each example, and the data has one for each of its "
                f"{' x '.join(map(str, schema.target.dense_shape))} positions; use problem={other}()"
            )
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
