"""One of several classes for each example."""

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
from jaxflow.problems.running_metrics import Mean
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Classification:
    """Categorical cross-entropy over integer labels; predictions are class probabilities."""

    label_smoothing: float = 0.0
    """Share of each label's probability that is spread evenly over all classes."""

    class_weights: ClassWeights = "none"
    """How much the loss of an example counts, by its class: alike; "balanced" in inverse proportion to the class's
    training examples, so that every class counts as much as any other; or a number for each class."""

    selection_metric: ClassVar[str] = "loss"

    def fit(self, targets: np.ndarray) -> "Classification":
        """Takes the weights of balanced classes from the training split's (examples,) labels."""
        return dataclasses.replace(self, class_weights=fit_weights(self.class_weights, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Counts the model's outputs: one logit for each class of the data's schema.

        Raises:
          UserError: the target is a number or a class for each place, or `class_weights` are those of other classes.
        """
        if schema.target.kind != "class":
            numbers = ", ".join(schema.target.names)
            raise UserError(
                f"problem Classification predicts classes, and the data has numbers ({numbers}); "
                "use problem=Regression()"
            )
        if schema.target.dense_shape:
            other = "LanguageModelling" if schema.inputs.kind == "tokens" else "Segmentation"
            raise UserError(
                "problem Classification predicts one class for each example, and the data has one for each of its "
                f"{' x '.join(map(str, schema.target.dense_shape))} places; use problem={other}()"
            )
        check_weights(self.class_weights, len(schema.target.names))
        return len(schema.target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example.

        Args:
          outputs: (batch, classes) logits.
          targets: (batch,) integer labels.

        Returns:
          (batch,) float32 cross-entropies in nats, times the weights of the classes.
        """
        losses = softmax_cross_entropy(outputs, targets, self.label_smoothing)
        return weighted(losses, self.class_weights, targets)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Turns (batch, classes) logits into probabilities."""
        return jax.nn.softmax(outputs)

    def metrics(self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array) -> dict[str, Mean]:
        """StepGradients up a batch's loss and accuracy.

        Args:
          outputs: (batch, classes) logits.
          targets: (batch,) integer labels.
          losses: (batch,) as `losses` gives them.
          weights: (batch,) float, 0 where there is padding.

        Returns:
          Metrics that merge, by name.
        """
        correct = outputs.argmax(axis=-1) == targets
        return {"loss": Mean.of(losses, weights), "accuracy": Mean.of(correct.astype(jnp.float32), weights)}

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the rule that always names the most frequent class of the training split."""
        most_frequent = np.bincount(train_targets).argmax()
        return {"accuracy": float(np.mean(targets == most_frequent))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.class_table`."""
        return tables.class_table(schema, predictions, targets)
