"""The next token at each place of a text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.losses import softmax_cross_entropy
from jaxflow.problems.running_metrics import ExpMean, Mean
from jaxflow.schema import Schema

# Rows of targets that are counted at once: all of them may not fit into memory.
CHUNK_SIZE = 4096


@dataclass(frozen=True)
class LanguageModelling:
    """Categorical cross-entropy over the next token at each place; predictions are the most likely tokens."""

    selection_metric: ClassVar[str] = "loss"

    def fit(self, targets: np.ndarray) -> "LanguageModelling":
        """Takes nothing from the training targets."""
        return self

    def num_outputs(self, schema: Schema) -> int:
        """Counts the model's outputs at each place: one logit for each token of the vocabulary.

        Raises:
          UserError: the data is no text whose tokens are to be predicted.
        """
        inputs, target = schema.inputs, schema.target
        if inputs.kind != "tokens" or target.kind != "class" or target.dense_shape != inputs.shape:
            numbers, places = target.kind == "number", bool(target.dense_shape)
            other = "Regression" if numbers else "Segmentation" if places else "Classification"
            found = "numbers" if numbers else "a class for each place" if places else "a class for each example"
            raise UserError(
                f"problem LanguageModelling predicts the next token at each place of a text, and the data has {found} "
                f"to be predicted from {inputs.kind} inputs; use problem={other}()"
            )
        return len(target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each place.

        Args:
          outputs: (batch, time, tokens) logits.
          targets: (batch, time) integer tokens; what is below 0 is void, and whatever its loss, it weighs nothing.

        Returns:
          (batch, time) float32 cross-entropies in nats.
        """
        return softmax_cross_entropy(outputs, jnp.maximum(targets.astype(jnp.int32), 0))

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Turns (batch, time, tokens) logits into the most likely tokens, (batch, time) int32."""
        return outputs.argmax(axis=-1).astype(jnp.int32)

    def metrics(self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array) -> dict[str, Mean]:
        """StepGradients up a batch's loss and accuracy over its places.

        Args:
          outputs: (batch, time, tokens) logits.
          targets: (batch, time) integer tokens.
          losses: (batch, time) as `losses` gives them.
          weights: (batch, time) float, 0 where there is padding, or nothing to predict.

        Returns:
          Metrics that merge: "loss" in nats per token, "accuracy", and "perplexity", e to the power of the loss.
        """
        correct = (self.predictions(outputs) == targets).astype(jnp.float32)
        return {
            "loss": Mean.of(losses, weights),
            "accuracy": Mean.of(correct, weights),
            "perplexity": ExpMean.of(losses, weights),
        }

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the frequencies of tokens in the training split, whatever came before.

        Each token counts once more than it is there, so that none is impossible.

        Args:
          train_targets: (examples, time) tokens of the training split.
          targets: (examples, time) tokens to predict.

        Returns:
          "loss" in nats per token, its "perplexity", and the "accuracy" of the most frequent token.
        """
        train, counts = _count(train_targets), _count(targets)
        size = max(len(train), len(counts))
        train, counts = (np.pad(values, (0, size - len(values))) for values in (train, counts))
        shares = (train + 1) / (train.sum() + size)
        loss = -(counts @ np.log(shares)) / counts.sum()
        accuracy = counts[train.argmax()] / counts.sum()
        return {"loss": float(loss), "accuracy": float(accuracy), "perplexity": float(np.exp(loss))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.token_table`."""
        return tables.token_table(schema, predictions, targets)


def _count(targets: np.ndarray) -> np.ndarray:
    """Counts how often each token is there, (tokens,)."""
    counts = np.zeros(0, np.int64)
    for first in range(0, len(targets), CHUNK_SIZE):
        part = targets[first : first + CHUNK_SIZE]
        new = np.bincount(part[part >= 0], minlength=len(counts))
        new[: len(counts)] += counts
        counts = new
    return counts
