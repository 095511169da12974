"""Yes or no for each example, from one logit."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError, listed
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.binary import BinaryCrossEntropy, check_positive_weight
from jaxflow.problems.losses.families import LOGIT_LOSSES
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.classes import Accuracy
from jaxflow.problems.metrics.confusion import F1
from jaxflow.problems.metrics.families import OF_TWO_CLASSES
from jaxflow.problems.suggestions import fitting, found
from jaxflow.ranges import Fraction, check_ranges
from jaxflow.schema import Schema


@dataclass(frozen=True)
class BinaryClassification:
    """One of two classes for each example, one of them the positive one: that which is looked for.

    Predictions are the probabilities of both, as those of `Classification` are.
    """

    loss: Loss = BinaryCrossEntropy()
    """What is minimised: a function of (batch,) logits and (batch,) targets, 1 where the class is the positive one."""

    metrics: tuple[Metric, ...] = (Accuracy(), F1("binary"))
    """What is measured beside the loss."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    threshold: Fraction = 0.5
    """Probability of the positive class from which on it is the answer."""

    positive: str | None = None
    """Name of the positive class; None for the second of the data's classes."""

    classes: tuple[str, ...] | None = None
    """Names of the two classes that targets are indices of; None for the data's."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_choices(self, "BinaryCrossEntropy()", "Accuracy()")
        check_suited(self, OF_TWO_CLASSES, LOGIT_LOSSES)
        if self.classes is not None and self.positive is not None and self.positive not in self.classes:
            raise UserError(f"problem.positive is {self.positive!r}; the data's classes are {listed(self.classes)}")

    @property
    def positive_class(self) -> int:
        """Index of the positive class, 0 or 1."""
        return 1 if self.positive is None or self.classes is None else self.classes.index(self.positive)

    def fit(self, targets: np.ndarray) -> "BinaryClassification":
        """Returns the problem with its loss fitted to the training split's (examples,) labels."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, self._held(targets)))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one logit.

        Raises:
          UserError: the target is no class of an example, or one of another number of classes than two.
        """
        target = schema.target
        if target.kind != "class" or target.dense_shape:
            raise UserError(
                f"problem BinaryClassification predicts one of two classes for each example, and the data has "
                f"{found(schema)}; {fitting(schema)}"
            )
        if len(target.names) != 2:
            raise UserError(
                f"problem BinaryClassification tells two classes apart, and the data has {len(target.names)}; "
                f"{fitting(schema)}"
            )
        check_positive_weight(self.loss, ("yes or no",))
        return 1

    def check_targets(self, schema: Schema, targets: np.ndarray) -> None:
        """Raises UserError if the training split's (examples,) labels are of one class alone."""
        if len(present := np.unique(targets)) == 1:
            names = schema.target.names
            raise UserError(
                f"problem BinaryClassification learns to tell {names[0]!r} and {names[1]!r} apart, and all "
                f"{len(targets):,} training targets are {names[present[0]]!r}; split by class (HoldOut does), or find "
                f"examples of {names[1 - present[0]]!r}"
            )

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) float32 losses of (batch, 1) logits and (batch,) labels."""
        return self.loss(outputs[..., 0], self._held(targets))

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch,) float32 in nats; arguments as in `losses`."""
        return -BinaryCrossEntropy()(outputs[..., 0], self._held(targets))

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, 1) logits to the probabilities of both classes, (batch, 2), in the data's order."""
        both = [jax.nn.sigmoid(-outputs), jax.nn.sigmoid(outputs)]
        return jnp.concatenate(both if self.positive_class else both[::-1], axis=-1)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the positive class where it reaches the threshold, (batch,) int32, of (batch, 2) probabilities."""
        held = distribution[..., self.positive_class] >= self.threshold
        return (held == bool(self.positive_class)).astype(jnp.int32)

    def classes_of(self, outputs: jax.Array) -> jax.Array:
        """Returns the answers of raw outputs, as metrics compare them with targets."""
        return self.answer(self.distribution(outputs))

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, 1) logits: the probabilities."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        # To metrics, 1 is the positive class.
        plain = dataclasses.replace(self, positive=None)
        return score(plain, outputs, self._held(targets), losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the rule that always answers with the more frequent class of the training split."""
        held, positive = self._held(targets), np.bincount(self._held(train_targets)).argmax() == 1
        share = float(np.mean(held == 1)) if positive else 0.0
        scores = {"precision": share, "recall": float(positive), "f1": 2 * share / (1 + share)}
        measured = {metric.name for metric in self.metrics if getattr(metric, "average", "") == "binary"}
        accuracy = float(np.mean(held == positive))
        return {"accuracy": accuracy, **{name: value for name, value in scores.items() if name in measured}}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as columns: `tables.class_table`, with the classes that the threshold gives."""
        return tables.class_table(schema, predictions, targets, np.asarray(self.answer(jnp.asarray(predictions))))

    def _held(self, targets: Any) -> Any:
        """Returns 1 where a target is the positive class and 0 where it is the other; unknown ones, below 0, as is."""
        return targets if self.positive_class else targets + (targets >= 0) * (1 - 2 * targets)
