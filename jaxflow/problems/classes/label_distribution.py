"""A probability of each class for each example: the votes of several people, fractions of a whole."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.distributions import KL
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_VALUES
from jaxflow.problems.metrics.values import MAE
from jaxflow.problems.suggestions import fitting, found
from jaxflow.schema import Schema

DEFAULT_LOSS = KL()
# How far the sum of an example's probabilities may be from 1: they are often rounded.
MAX_ROUNDING = 0.01


@dataclass(frozen=True)
class LabelDistribution:
    """Fractions that sum to 1, as targets and as predictions: one under each of several columns of numbers.

    Source: X. Geng, Label Distribution Learning, IEEE Transactions on Knowledge and Data Engineering 28, 2016.
    """

    loss: Loss = DEFAULT_LOSS
    """What is minimised: a function of (batch, classes) logits and probabilities."""

    metrics: tuple[Metric, ...] = (MAE(),)
    """What is measured beside the loss, over all classes alike."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "KL()", "MAE()")
        check_suited(self, OF_VALUES, (KL,))

    def fit(self, targets: np.ndarray) -> "LabelDistribution":
        """Returns the problem with its loss fitted to the training split's (examples, classes) probabilities."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: a logit for each class.

        Raises:
          UserError: the targets are not several numbers.
        """
        target = schema.target
        if target.kind != "number" or len(target.names) < 2 or schema.inputs.kind == "series":
            raise UserError(
                "problem LabelDistribution predicts fractions that sum to 1, one under each of several columns, and "
                f"the data has {found(schema)}; name such columns, or {fitting(schema)}"
            )
        return len(target.names)

    def check_targets(self, schema: Schema, targets: np.ndarray) -> None:
        """Raises UserError if the training split's (examples, classes) targets are no probabilities that sum to 1."""
        sums = targets.sum(1)
        wrong = (targets < 0).any(1) | (np.abs(sums - 1) > MAX_ROUNDING)
        if wrong.any():
            first = int(wrong.argmax())
            row = ", ".join(f"{name} {value:g}" for name, value in zip(schema.target.names, targets[first].tolist()))
            raise UserError(
                f"problem LabelDistribution predicts fractions that sum to 1, and {wrong.sum():,} training targets do "
                f"not ({row}: {sums[first]:g}); divide them by their sum, or use problem=Regression()"
            )

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) float32 losses of (batch, classes) logits and probabilities."""
        return self.loss(outputs, targets)

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns predicted minus true probabilities, (batch, classes) float32; arguments as in `losses`."""
        return self.distribution(outputs) - targets

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, classes) logits to probabilities."""
        return jax.nn.softmax(outputs.astype(jnp.float32))

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns (batch, classes) probabilities as they are."""
        return distribution

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, classes) logits: the probabilities."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the mean of the training targets, the constant whose divergence from them is the least."""
        mean = train_targets.mean(0, dtype=np.float64)
        scores = {"mae": float(np.abs(targets - mean).mean())}
        if isinstance(self.loss, KL):
            known = np.where(targets > 0, targets, 1.0)  # of 0 the term is 0
            with np.errstate(divide="ignore"):
                scores["loss"] = float(np.where(targets > 0, targets * np.log(known / mean), 0.0).sum(1).mean())
        return scores

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.value_table`."""
        return tables.value_table(schema, predictions, targets)
