"""A text for each example, read out of frames: speech, spectrograms."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.sequences import CTC
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.edits import (
    CharacterErrorRate,
    WordErrorRate,
    edit_distances,
    greedy_path,
    space_of,
    words_of,
)
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import IGNORE, Schema

DEFAULT_LOSS = CTC()


@dataclass(frozen=True)
class Transcription:
    """A text for each example. Where its characters lie is not known and need not be; predictions are the best path.

    Targets are (examples, length) characters, IGNORE after the last one of each text; an empty text counts nowhere.
    """

    loss: Loss = DEFAULT_LOSS
    """What is minimised: a function of (batch, frame, characters + 1) logits and (batch, length) characters."""

    metrics: tuple[Metric, ...] = (CharacterErrorRate(),)
    """What is measured beside the loss; WordErrorRate() where spaces divide words."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    classes: tuple[str, ...] | None = None
    """The characters; None takes them from the data."""

    def __post_init__(self) -> None:
        check_choices(self, "CTC()", "CharacterErrorRate()")
        check_suited(self, (CharacterErrorRate, WordErrorRate), (CTC,))

    def fit(self, targets: np.ndarray) -> "Transcription":
        """Returns the problem with its loss fitted to the training split's (examples, length) characters."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs for each frame: a logit for each character and one for none.

        Raises:
          UserError: the data has no texts to read out of frames.
        """
        target, kind = schema.target, schema.inputs.kind
        if target.kind != "class" or len(target.dense_shape) != 1 or kind not in ("audio", "series", "vector"):
            raise UserError(
                f"problem Transcription reads texts out of audio or other frames, and the data has {found(schema)}, to "
                f"be read from {kind} inputs; {fitting(schema)}, or AudioFolder(PATH, labels=FILE, task='text')"
            )
        return len(target.names) + 1

    def check_lengths(self, frames: int, targets: np.ndarray) -> np.ndarray:
        """Returns which texts need more frames than there are, (examples,) booleans: repeated characters need a blank.

        Args:
          frames: how many there are.
          targets: (examples, length) characters.
        """
        needed = (targets >= 0).sum(1) + ((targets[:, 1:] == targets[:, :-1]) & (targets[:, 1:] >= 0)).sum(1)
        return needed > frames

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each character, (batch, length) float32; what is below 0 in targets must not count."""
        return self.loss(outputs, targets)

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, frame, characters + 1) logits to probabilities."""
        return jax.nn.softmax(outputs)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns texts, (batch, frame) int32 characters, IGNORE after the last one, of (batch, frame, ...)."""
        return greedy_path(distribution)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of logits: the texts."""
        return self.answer(outputs)  # the maximum of logits is that of probabilities

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the most frequent text of the training split, or none where that is better, by each error rate."""
        frequent = np.array(Counter(map(tuple, train_targets.tolist())).most_common(1)[0][0])
        known = jnp.array(targets, jnp.int32)
        texts = [jnp.broadcast_to(jnp.array(text, jnp.int32), known.shape) for text in (frequent, IGNORE)]

        def rate(read: Callable[[jax.Array], jax.Array]) -> float:
            edits = [int(edit_distances(read(text), read(known)).sum()) for text in texts]
            return min(edits) / max(int((read(known) >= 0).sum()), 1)

        rates = {"cer": rate(lambda text: text)}
        if any(isinstance(metric, WordErrorRate) for metric in self.metrics):
            rates["wer"] = rate(lambda text: words_of(text, space_of(self.classes)))
        return rates

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.text_table`."""
        return tables.text_table(schema, predictions, targets)
