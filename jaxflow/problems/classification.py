"""One of several classes for each example."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems.losses import softmax_cross_entropy
from jaxflow.problems.metrics import Mean


@dataclass(frozen=True)
class Classification:
    """Categorical cross-entropy over integer labels; predictions are class probabilities."""

    label_smoothing: float = 0.0
    """Share of each label's probability that is spread evenly over all classes."""

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    """How much the loss of an example counts, by its class: alike; "balanced" in inverse proportion to the class's
    training examples, so that every class counts as much as any other; or a number for each class."""

    best_metric: ClassVar[str] = "loss"

    def fit(self, targets: np.ndarray) -> "Classification":
        """Takes the weights of balanced classes from the training split's (examples,) labels."""
        if self.class_weights != "balanced":
            return self
        counts = np.bincount(targets)
        weights = len(targets) / np.count_nonzero(counts) / np.maximum(counts, 1)  # their mean over examples is 1
        return dataclasses.replace(self, class_weights=tuple(weights.tolist()))

    def outputs(self, schema: Any) -> int:
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
        if schema.target.over:
            other = "LanguageModelling" if schema.inputs.kind == "tokens" else "Segmentation"
            raise UserError(
                "problem Classification predicts one class for each example, and the data has one for each of its "
                f"{' x '.join(map(str, schema.target.over))} places; use problem={other}()"
            )
        given, count = self.class_weights, len(schema.target.names)
        if isinstance(given, tuple) and (len(given) != count or not all(0 <= weight < np.inf for weight in given)):
            raise UserError(f"problem.class_weights is {given}; give {count} numbers, 0 or more, one for each class")
        return count

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example.

        Args:
          outputs: (batch, classes) logits.
          targets: (batch,) integer labels.

        Returns:
          (batch,) float32 cross-entropies in nats, times the weights of the classes.
        """
        losses = softmax_cross_entropy(outputs, targets, self.label_smoothing)
        if not isinstance(self.class_weights, tuple):
            return losses
        return losses * jnp.array(self.class_weights, jnp.float32)[targets]

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Turns (batch, classes) logits into probabilities."""
        return jax.nn.softmax(outputs)

    def metrics(self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array) -> dict[str, Mean]:
        """Sums up a batch's loss and accuracy.

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

    def columns(
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
