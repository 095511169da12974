"""Metrics of the confusion matrix: precision, recall, F1, balanced accuracy, correlation and agreement."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import clu.metrics
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.metrics.counts import weighted_counts
from jaxflow.ranges import check_words

Average = Literal["macro", "micro", "weighted", "binary"]
Weights = Literal["none", "linear", "quadratic"]


@flax.struct.dataclass
class Confusion(clu.metrics.Metric):
    """A running confusion matrix, or of labels one each; what is computed of it is `kind`.

    Attributes:
      counts: float32 weight of the targets of each class (row) by predicted class (column): (classes, classes), or of
        labels that hold or do not (labels, 2, 2).
      kind: what is computed.
      how: the average or the weights, where the kind has such.
    """

    counts: jax.Array
    kind: str = flax.struct.field(pytree_node=False)
    how: str = flax.struct.field(pytree_node=False, default="none")

    @classmethod
    def of(cls, batch: ScoredBatch, kind: str, how: str = "none") -> "Confusion":
        """Counts a batch, by what the problem answers."""
        classes, shape = 2, (batch.outputs.shape[-1], 2, 2)
        if not batch.of_labels:
            classes = batch.probabilities.shape[-1]
            shape = (classes, classes)
        known = (batch.targets >= 0) & (batch.weights > 0)
        cells = batch.targets.astype(jnp.int32) * classes + batch.predicted.astype(jnp.int32)
        if batch.of_labels:  # those of a label after those of the label before it
            cells = cells + jnp.broadcast_to(4 * jnp.arange(shape[0], dtype=jnp.int32), cells.shape)
        weights = jnp.where(known, batch.weights, 0.0).astype(jnp.float32)
        counts = weighted_counts(jnp.where(known, cells, 0), weights, int(np.prod(shape)))
        return cls(counts.reshape(shape), kind, how)

    def merge(self, other: clu.metrics.Metric) -> "Confusion":
        """Adds two metrics of one kind."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> np.float64:
        """Computes the value, on the host; NaN if there were no targets."""
        counts = np.asarray(self.counts, np.float64)
        if counts.ndim == 3:  # of each label the yes alone
            both, true, predicted = counts[:, 1, 1], counts[:, 1].sum(1), counts[:, :, 1].sum(1)
        else:
            both, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
        value = {
            "precision": lambda: _average(both, predicted, true, true + predicted > 0, self.how),
            "recall": lambda: _average(both, true, true, true + predicted > 0, self.how),
            "f1": lambda: _average(2 * both, true + predicted, true, true + predicted > 0, self.how),
            "balanced_accuracy": lambda: _average(both, true, true, true > 0, "macro"),
            "matthews": lambda: _matthews(both.sum(), true, predicted),
            "kappa": lambda: _kappa(counts, self.how),
        }[self.kind]
        return value() if counts.sum() > 0 else np.float64(np.nan)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)


def _average(part: np.ndarray, whole: np.ndarray, true: np.ndarray, present: np.ndarray, how: str) -> np.float64:
    """Averages part / whole over the classes that are present, 0 where the whole is 0."""
    if how == "binary":
        return np.float64(_divide(part[1], whole[1]))
    if how == "micro":
        return np.float64(_divide(part.sum(), whole.sum()))
    weights = true if how == "weighted" else present
    return np.float64(_divide((_divide(part, whole) * weights).sum(), weights.sum()))


def _matthews(right: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.float64:
    total = true.sum()
    true, predicted, right = true / total, predicted / total, right / total
    spread = (1 - np.square(true).sum()) * (1 - np.square(predicted).sum())
    return np.float64(_divide(right - (true * predicted).sum(), np.sqrt(np.maximum(spread, 0.0))))


def _kappa(counts: np.ndarray, how: str) -> np.float64:
    places = np.arange(len(counts))
    apart = np.abs(places[:, None] - places[None])
    cost = {"none": apart > 0, "linear": apart, "quadratic": np.square(apart)}[how]
    chance = (cost * (counts.sum(1)[:, None] * counts.sum(0)[None] / counts.sum())).sum()
    return 1 - (cost * counts).sum() / chance if chance > 0 else np.float64(np.nan)


@dataclass(frozen=True)
class _Averaged:
    """A value of each class, averaged; `name` says which."""

    average: Average = "macro"
    """"macro": every class or label counts alike; "weighted": by its targets; "micro": all answers together; "binary":
    the second of two classes alone."""

    name: ClassVar[str]
    higher_is_better = True
    unit = ""

    __post_init__ = check_words

    def __call__(self, batch: ScoredBatch) -> Confusion:
        """Returns the running metric of one batch."""
        return Confusion.of(batch, self.name, self.average)


class Precision(_Averaged):
    """Fraction of the answers of a class or label that are right, averaged over those that are answered or true."""

    name = "precision"


class Recall(_Averaged):
    """Fraction of the targets of a class or label that are found, averaged over those that are answered or true."""

    name = "recall"


class F1(_Averaged):
    """Harmonic mean of precision and recall of a class or label, averaged over those that are answered or true."""

    name = "f1"


@dataclass(frozen=True)
class BalancedAccuracy:
    """Mean over the classes that have targets of the fraction of these that are found."""

    name = "balanced_accuracy"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Confusion:
        """Returns the running metric of one batch."""
        return Confusion.of(batch, "balanced_accuracy")


@dataclass(frozen=True)
class MatthewsCorrelation:
    """Correlation of answers and targets, from -1 to 1; 0 where all answers or all targets are one class.

    Source: J. Gorodkin, Comparing Two K-category Assignments by a K-category Correlation Coefficient, 2004.
    """

    name = "matthews_correlation"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Confusion:
        """Returns the running metric of one batch."""
        return Confusion.of(batch, "matthews")


@dataclass(frozen=True)
class CohenKappa:
    """Agreement of answers and targets beyond chance: 1 is perfect, 0 chance; NaN where all are one class.

    Source: J. Cohen, Weighted Kappa, Psychological Bulletin 70, 1968.
    """

    weights: Weights = "none"
    """What a mistake costs: all alike, or more with the distance of classes in their order, which is that of the data's
    class names, or with `OrdinalClassification` its own."""

    name = "cohen_kappa"
    higher_is_better = True
    unit = ""

    __post_init__ = check_words

    def __call__(self, batch: ScoredBatch) -> Confusion:
        """Returns the running metric of one batch."""
        return Confusion.of(batch, "kappa", self.weights)


# What there is of labels too, and all that compare one answered class with one true class.
AVERAGED = (Precision, Recall, F1)
OF_CONFUSION = (*AVERAGED, BalancedAccuracy, MatthewsCorrelation, CohenKappa)
