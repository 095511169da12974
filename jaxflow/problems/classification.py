"""One of several classes for each example."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.problems.losses import softmax_cross_entropy
from jaxflow.problems.metrics import Mean


@dataclass(frozen=True)
class Classification:
    """Categorical cross-entropy over integer labels; predictions are class probabilities."""

    label_smoothing: float = 0.0
    """Share of each label's probability that is spread evenly over all classes."""

    best_metric: ClassVar[str] = "loss"

    def outputs(self, schema: Any) -> int:
        """Counts the model's outputs: one logit for each class of the data's schema."""
        return len(schema.target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example.

        Args:
          outputs: (batch, classes) logits.
          targets: (batch,) integer labels.

        Returns:
          (batch,) float32 cross-entropies in nats.
        """
        return softmax_cross_entropy(outputs, targets, self.label_smoothing)

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
