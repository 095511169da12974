"""The next token at each position of a text."""

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
from jaxflow.problems.losses.families import CLASS_LOSSES
from jaxflow.problems.metrics import Accuracy, Perplexity
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_CLASSES
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import Schema

# Rows of targets that are counted at once: all of them may not fit into memory.
CHUNK_SIZE = 4096


@dataclass(frozen=True)
class LanguageModelling:
    """The next token at each position; predictions are the most likely tokens."""

    loss: Loss = CrossEntropy()
    """What is minimised: a function of (batch, time, tokens) logits and (batch, time) tokens."""

    metrics: tuple[Metric, ...] = (Accuracy(), Perplexity())
    """What is measured beside the loss, over all known positions."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "CrossEntropy()", "Perplexity()")
        check_suited(self, OF_CLASSES, CLASS_LOSSES)

    def fit(self, targets: np.ndarray) -> "LanguageModelling":
        """Returns the problem with its loss fitted to the training split's (examples, time) tokens."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs at each position: one logit for each token of the vocabulary.

        Raises:
          UserError: the data is no text whose tokens are to be predicted, or the loss weighs other tokens.
        """
        inputs, target = schema.inputs, schema.target
        if inputs.kind != "tokens" or target.kind != "class" or target.dense_shape != inputs.shape:
            raise UserError(
                f"problem LanguageModelling predicts the next token at each position of a text, and the data has "
                f"{found(schema)}, to be predicted from {inputs.kind} inputs; {fitting(schema)}"
            )
        if inputs.vocab_size is not None and inputs.vocab_size != len(target.names):
            raise UserError(
                f"problem LanguageModelling predicts the next token, and the data has one of {len(target.names)} tags "
                f"at each of its tokens, of which there are {inputs.vocab_size}; use problem=Tagging()"
            )
        check_averages(self, len(target.names))
        check_class_weights(self.loss, len(target.names))
        return len(target.names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each position.

        Args:
          outputs: (batch, time, tokens) logits.
          targets: (batch, time) integer tokens; what is below 0 is ignored, and whatever its loss, it weighs nothing.

        Returns:
          (batch, time) float32.
        """
        return self.loss(outputs, jnp.maximum(targets.astype(jnp.int32), 0))

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch, time) float32 in nats; arguments as in `losses`."""
        return -CrossEntropy()(outputs, jnp.maximum(targets.astype(jnp.int32), 0))

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, time, tokens) logits to probabilities."""
        return jax.nn.softmax(outputs)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the most likely tokens, (batch, time) int32, of (batch, time, tokens) probabilities."""
        return distribution.argmax(axis=-1).astype(jnp.int32)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, time, tokens) logits: the most likely tokens."""
        return self.answer(outputs)  # the maximum of logits is that of probabilities

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the frequencies of tokens in the training split, whatever came before.

        Each token counts once more than it occurs, so that none is impossible.

        Args:
          train_targets: (examples, time) tokens of the training split.
          targets: (examples, time) tokens to predict.

        Returns:
          "loss" in nats per token, its "perplexity", and the "accuracy" of the most frequent token.
        """
        train, counts = _count(train_targets), _count(targets)
        size = max(len(train), len(counts))
        train, counts = (np.pad(values, (0, size - len(values))) for values in (train, counts))
        frequencies = (train + 1) / (train.sum() + size)
        loss = -(counts @ np.log(frequencies)) / counts.sum()
        accuracy = counts[train.argmax()] / counts.sum()
        return {"loss": float(loss), "accuracy": float(accuracy), "perplexity": float(np.exp(loss))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.token_table`."""
        return tables.token_table(schema, predictions, targets)


def _count(targets: np.ndarray) -> np.ndarray:
    """Counts how often each token occurs, (tokens,)."""
    counts = np.zeros(0, np.int64)
    for first in range(0, len(targets), CHUNK_SIZE):
        part = targets[first : first + CHUNK_SIZE]
        new = np.bincount(part[part >= 0], minlength=len(counts))
        new[: len(counts)] += counts
        counts = new
    return counts
