"""A class for each token of a text: parts of speech, names."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_averages, check_choices, check_suited
from jaxflow.problems.language_modelling import LanguageModelling
from jaxflow.problems.losses.classes import check_class_weights
from jaxflow.problems.losses.families import CLASS_LOSSES
from jaxflow.problems.metrics import Accuracy, EntityF1
from jaxflow.problems.metrics.base import Metric
from jaxflow.problems.metrics.entities import check_entity_tags
from jaxflow.problems.metrics.families import OF_TAGS
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import Schema, Split

# Sentences that are counted and scored at once.
CHUNK_SIZE = 256


@dataclass(frozen=True)
class Tagging(LanguageModelling):
    """A class at each token, of all that come before and after; predictions are the most likely tags.

    Targets are (examples, time) classes, IGNORE where there is padding or a token has none.
    """

    metrics: tuple[Metric, ...] = (Accuracy(),)
    """What is measured beside the loss, over all tokens that have a tag; EntityF1() where tags mark entities."""
    classes: tuple[str, ...] | None = None
    """Names of the tags; None takes them from the data."""

    def __post_init__(self) -> None:
        check_choices(self, "CrossEntropy()", "Accuracy()")
        check_suited(self, OF_TAGS, CLASS_LOSSES)

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs at each token: one logit for each tag.

        Raises:
          UserError: the data is no text with a tag at each token, or the loss or a metric is of other tags.
        """
        inputs, target = schema.inputs, schema.target
        if inputs.kind != "tokens" or target.kind != "class" or target.dense_shape != inputs.shape:
            raise UserError(
                f"problem Tagging predicts a class at each token of a text, and the data has {found(schema)}, to be "
                f"predicted from {inputs.kind} inputs; {fitting(schema)}"
            )
        check_averages(self, len(target.names))
        check_class_weights(self.loss, len(target.names))
        if any(isinstance(metric, EntityF1) for metric in self.metrics):
            check_entity_tags(target.names)
        return len(target.names)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the frequencies of tags in the training split: "loss" in nats per token, and "accuracy"."""
        scores = super().baseline(train_targets, targets)
        return {name: scores[name] for name in ("loss", "accuracy")}

    def baseline_of_inputs(self, train: Split, test: Split) -> dict[str, float]:
        """Scores the most common tag of each token in the training split, whatever stands around it.

        A token's tags are as frequent as there, where all tags count once together, by how frequent they are: that
        decides for a token that training lacks.

        Args:
          train: the training split.
          test: what is predicted.

        Returns:
          The loss and all metrics.
        """
        tags = len(self.classes or ()) or 1 + int(train.targets.max())
        counts = np.zeros((0, tags))
        for inputs, targets in _chunks(train):
            known = targets >= 0
            size = max(len(counts), 1 + int(inputs.max()))
            pairs = np.bincount(inputs[known].astype(np.int64) * tags + targets[known], minlength=size * tags)
            counts = np.pad(counts, ((0, size - len(counts)), (0, 0))) + pairs.reshape(size, tags)
        frequencies = (counts.sum(0) + 1) / (counts.sum() + tags)
        unseen = np.log(frequencies)[None]
        logits = np.log((counts + frequencies) / (counts.sum(1, keepdims=True) + 1))
        scored: list[dict[str, Any]] = []
        for inputs, targets in _chunks(test):
            rows = np.where(inputs < len(logits), inputs, len(logits))
            outputs = jnp.array(np.concatenate([logits, unseen])[rows], jnp.float32)
            weights = jnp.array(targets >= 0, jnp.float32)
            known = jnp.array(targets)
            scored.append(dict(self.running_metrics(outputs, known, self.losses(outputs, known), weights)))
        merged = functools.reduce(lambda one, other: {name: one[name].merge(other[name]) for name in one}, scored)
        return {name: float(metric.compute()) for name, metric in merged.items()}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.tag_table`."""
        return tables.tag_table(schema, predictions, targets)


def _chunks(split: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the tokens and tags of a split, (examples, time) each, some examples at a time."""
    for first in range(0, len(split), CHUNK_SIZE):
        rows = split.rows(np.arange(first, min(first + CHUNK_SIZE, len(split))))
        yield np.asarray(rows["inputs"]), np.asarray(rows["targets"])
