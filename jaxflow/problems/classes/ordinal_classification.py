"""One of several classes that have an order: grades, stages, stars."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError, listed, meant
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_averages, check_choices, check_suited
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.problems.losses.ranks import CORN
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.classes import Accuracy
from jaxflow.problems.metrics.families import OF_RANKS
from jaxflow.problems.metrics.values import MAE
from jaxflow.problems.suggestions import fitting, found, is_number
from jaxflow.schema import Schema

DEFAULT_LOSS = CORN()


@dataclass(frozen=True)
class OrdinalClassification:
    """One of three classes or more, from low to high; predictions are class probabilities, answers their medians.

    The model answers for each class but the highest: is it a higher one, if it is not a lower one? The product of these
    conditional probabilities is that of being higher, which falls from class to class whatever the model is. Errors
    are counted in ranks: how many classes lie between.

    Source: X. Shi, W. Cao and S. Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on
    Conditional Probabilities, Pattern Analysis and Applications 26, 2023 (arXiv 2111.08851).
    """

    order: tuple[str, ...] = ()
    """Names of all classes, from low to high; empty where they are numbers, which are in order by themselves."""

    loss: Loss = DEFAULT_LOSS
    """What is minimised: a function of (batch, classes - 1) logits and (batch,) integer ranks."""

    metrics: tuple[Metric, ...] = (Accuracy(), MAE())
    """What is measured beside the loss; errors are in ranks."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    classes: tuple[str, ...] | None = None
    """Names of the classes that targets are indices of; None for the data's, and without data for those in order."""

    def __post_init__(self) -> None:
        check_choices(self, "CORN()", "MAE()")
        check_suited(self, OF_RANKS, (CORN,))

    def fit(self, targets: np.ndarray) -> "OrdinalClassification":
        """Returns the problem with its loss fitted to the training split's (examples,) labels."""
        return dataclasses.replace(self, loss=fit_loss(self.loss, targets))

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: a logit for each class but the highest.

        Raises:
          UserError: the target is none of three classes or more, or their order is not known.
        """
        target = schema.target
        if target.kind != "class" or target.dense_shape:
            classes = "; task='class' reads whole numbers as classes" if target.kind == "number" else ""
            raise UserError(
                "problem OrdinalClassification predicts one class for each example, of classes with an order, and the "
                f"data has {found(schema)}; {fitting(schema)}{classes}"
            )
        if len(target.names) < 3:
            raise UserError(
                "problem OrdinalClassification predicts one of three classes or more, of two there is no order to "
                f"learn from, and the data has {listed(target.names)}; use problem=BinaryClassification()"
            )
        if self.classes is not None and self.classes != target.names:
            raise UserError(
                f"problem.classes is {self.classes}, and the data's classes are {target.names}; leave it out, and "
                "write `order` for their order"
            )
        check_averages(self, len(target.names))
        _check_order(self.order, target.names)
        return len(target.names) - 1

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, classes - 1) logits.
          targets: (batch,) integer labels.

        Returns:
          (batch,) float32.
        """
        return self.loss(outputs, self._ranks(targets))

    def log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the log-probability of each target, (batch,) float32 in nats; arguments as in `losses`."""
        return -CORN()(outputs, self._ranks(targets))

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, classes - 1) logits to probabilities, (batch, classes), in the order of the data's names."""
        logits = outputs.astype(jnp.float32)
        none = jnp.zeros_like(logits[..., :1])
        not_lower = jnp.concatenate([none, jax.nn.log_sigmoid(logits).cumsum(-1)], -1)  # (batch, class)
        by_rank = jnp.exp(not_lower + jnp.concatenate([jax.nn.log_sigmoid(-logits), none], -1))
        return by_rank[..., self.rank_of_class(by_rank.shape[-1])]

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the medians, (batch,) int32 labels, of (batch, classes) probabilities."""
        class_of_rank = np.argsort(self.rank_of_class(distribution.shape[-1])).astype(np.int32)
        higher = 1 - jnp.asarray(distribution)[..., class_of_rank].cumsum(-1)[..., :-1]
        return jnp.asarray(class_of_rank)[(higher > 0.5).sum(-1)]

    def classes_of(self, outputs: jax.Array) -> jax.Array:
        """Returns the answers of raw outputs, as metrics compare them with targets."""
        return self.answer(self.distribution(outputs))

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the answered rank minus the true one, (batch,) float32; arguments as in `losses`."""
        return (self._ranks(self.classes_of(outputs)) - self._ranks(targets)).astype(jnp.float32)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, classes - 1) logits: the probabilities."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`.

        Metrics see ranks for labels: a distance of two classes is one in their order.
        """
        by_rank = dataclasses.replace(self, order=(), classes=None)
        return score(by_rank, outputs, self._ranks(targets), losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the rule that always answers with the median class of the training split."""
        rank_of_class = self.rank_of_class(int(max(train_targets.max(), targets.max())) + 1)
        ranks, true = np.sort(rank_of_class[train_targets]), rank_of_class[targets]
        median = ranks[(len(ranks) - 1) // 2]
        return {"accuracy": float(np.mean(true == median)), "mae": float(np.abs(true - median).mean())}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.class_table`, with the medians."""
        return tables.class_table(schema, predictions, targets, np.asarray(self.answer(jnp.asarray(predictions))))

    def _ranks(self, labels: jax.Array) -> jax.Array:
        """Returns the ranks of labels; what is below 0 is kept."""
        if self.classes is None:
            return labels
        rank_of_class = jnp.asarray(self.rank_of_class(len(self.classes)))
        return jnp.where(labels < 0, labels, rank_of_class[jnp.maximum(labels, 0).astype(jnp.int32)])

    def rank_of_class(self, classes: int) -> np.ndarray:
        """Returns the rank of each class, (classes,) int32."""
        if self.classes is None:
            return np.arange(classes, dtype=np.int32)
        order = self.order or tuple(sorted(self.classes, key=float))
        return np.array([order.index(name) for name in self.classes], np.int32)


def _check_order(order: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Raises UserError if an order does not name each class once, or there is none and names are no numbers."""
    every = listed(map(repr, names))
    words = [name for name in names if not is_number(name)]
    if words and not order:
        raise UserError(
            f"problem OrdinalClassification needs to know which class is higher, and names such as {words[0]!r} do not "
            f"say; write problem=OrdinalClassification(order=(...)) with all of them from low to high: {every}"
        )
    if strange := [name for name in order if name not in names]:
        raise UserError(
            f"problem.order names {strange[0]!r}, which is no class of the data{meant(strange[0], names)}; write "
            f"each class once, from low to high: {every}"
        )
    if order and sorted(order) != sorted(names):
        absent = [repr(name) for name in names if name not in order]
        what = f"does not name {absent[0]}" if absent else "names a class twice"
        raise UserError(f"problem.order {what}; write each class once, from low to high: {every}")
