"""Any of several labels for each example."""

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError, listed
from jaxflow.problems.attributes import check_averages, check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.binary import BinaryCrossEntropy, check_positive_weight
from jaxflow.problems.losses.families import LOGIT_LOSSES
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.classes import Accuracy
from jaxflow.problems.metrics.families import OF_LABELS
from jaxflow.problems.suggestions import fitting, found
from jaxflow.ranges import Fraction, check_ranges
from jaxflow.schema import Schema

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class MultiLabel:
    """Yes or no for each of several labels; predictions are the labels' probabilities. Unknown ones count nowhere."""

    loss: Loss = BinaryCrossEntropy()
    """What is minimised: a function of (batch, labels) logits and (batch, labels) targets that are 0 or 1."""

    metrics: tuple[Metric, ...] = (Accuracy(),)
    """What is measured beside the loss, over all labels together."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    threshold: Fraction | tuple[Fraction, ...] = 0.5
    """Probability of a label from which on it is answered: one for all, or one for each in the order of the labels."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_choices(self, "BinaryCrossEntropy()", "Accuracy()")
        check_suited(self, OF_LABELS, LOGIT_LOSSES)
        check_averages(self, None)

    def fit(self, targets: np.ndarray) -> "MultiLabel":
        """Returns the problem with its loss fitted to the training split's (examples, labels) targets."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one logit for each label.

        Raises:
          UserError: the data has no labels, or thresholds or weights are for others.
        """
        target = schema.target
        if target.kind != "labels":
            labels = "; several labels in a cell are task='labels'" if target.kind == "class" else ""
            raise UserError(
                "problem MultiLabel predicts labels that hold or do not, any number for each example, and the data has "
                f"{found(schema)}; {fitting(schema)}{labels if not target.dense_shape else ''}"
            )
        if isinstance(self.threshold, tuple) and len(self.threshold) != len(target.names):
            raise UserError(
                f"problem.threshold has {len(self.threshold)} numbers, and there are {len(target.names)} labels: "
                f"{listed(target.names)}; give one for each, in this order, or one number for all"
            )
        check_positive_weight(self.loss, target.names)
        return len(target.names)

    def check_targets(self, schema: Schema, targets: np.ndarray) -> None:
        """Logs which label has which threshold: they are sorted, and a tuple does not say whose each is."""
        if isinstance(self.threshold, tuple):
            each = ", ".join(f"{name} {low:g}" for name, low in zip(schema.target.names, self.threshold))
            logger.info(f"labels are answered from these probabilities on: {each}")

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch, labels) float32 losses of (batch, labels) logits and targets."""
        return self.loss(outputs, targets)

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch, labels) float32 in nats; arguments as in `losses`."""
        return -BinaryCrossEntropy()(outputs, targets)

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, labels) logits to probabilities."""
        return jax.nn.sigmoid(outputs)

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns 1 where a label reaches the threshold, (batch, labels) int32, of (batch, labels) probabilities."""
        if isinstance(self.threshold, tuple):
            each = jnp.broadcast_to(jnp.array(self.threshold, jnp.float32), distribution.shape)
            return (distribution >= each).astype(jnp.int32)
        return (distribution >= self.threshold).astype(jnp.int32)

    def classes_of(self, outputs: jax.Array) -> jax.Array:
        """Returns the answers of raw outputs, as metrics compare them with targets."""
        return self.answer(self.distribution(outputs))

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, labels) logits: the probabilities."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the rule that answers each label as most training examples have it."""
        usual = (train_targets > 0).sum(0) > (train_targets == 0).sum(0)  # (label,)
        return {"accuracy": float(np.mean((targets == usual)[targets >= 0]))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns columns "target_<name>" where known, "prediction_<name>" and "p_<name>" of each label."""
        columns: dict[str, np.ndarray] = {}
        answered = np.asarray(self.answer(jnp.asarray(predictions)))  # (examples, labels)
        for label, name in enumerate(schema.target.names):
            if targets is not None:
                columns[f"target_{name}"] = targets[:, label]
            columns[f"prediction_{name}"] = answered[:, label]
            columns[f"p_{name}"] = predictions[:, label].round(6)
        return columns
