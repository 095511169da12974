"""One of several classes for each example."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems.class_weights import ClassWeights, check_weights, fit_weights, weighted
from jaxflow.problems.losses import softmax_cross_entropy
from jaxflow.problems.metrics import Mean


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

    def num_outputs(self, schema: Any) -> int:
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
        self, schema: Any, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, Sequence[Any]]:
        """Lists predictions as the columns of a table.

        Args:
          schema: the data's.
          predictions: (examples, classes) probabilities.
          targets: (examples,) labels to compare them with; None where nobody knows them.

        Returns:
          Columns by name, (examples,) each: "prediction" and its "probability", with the "target" before them or, where
          there is none, the probability "p_<name>" of each class after them.
        """
        names = np.array(schema.target.names)
        best = {"prediction": names[predictions.argmax(-1)], "probability": _decimal(predictions.max(-1))}
        if targets is not None:
            return {"target": names[targets]} | best
        return best | {f"p_{name}": _decimal(predictions[:, label]) for label, name in enumerate(names)}


def _decimal(probabilities: np.ndarray) -> np.ndarray:
    return np.char.mod("%.6f", probabilities)
