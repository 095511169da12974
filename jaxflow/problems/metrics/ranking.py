"""Metrics of how targets are ranked by their probability, whatever the threshold."""

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

Average = Literal["macro", "micro", "weighted"]
# Log-odds up to 16 in size are told apart to 32 / 4096 = 1 / 128, that is odds to 0.8%; larger ones, of models that are
# very sure, to 0.6% of their size, up to 400.
NEAR, REACH = 4096, 16.0
FAR, LIMIT = 512, 400.0
BINS = NEAR + 2 * FAR


@flax.struct.dataclass
class ScoreHistogram(clu.metrics.Metric):
    """Running histograms of the log-odds of each class or label; what is computed of them is `kind`.

    Attributes:
      counts: (classes, 2, BINS) float32, weight of the targets that are of another class, and of those of the class, by
        its log-odds, ascending; NaN if a probability was none.
      kind: what is computed.
      average: of the classes.
    """

    counts: jax.Array
    kind: str = flax.struct.field(pytree_node=False)
    average: str = flax.struct.field(pytree_node=False)

    @classmethod
    def of(cls, batch: ScoredBatch, kind: str, average: str) -> "ScoreHistogram":
        """Counts a batch; of one output for two classes the second alone."""
        log_odds, targets = _log_odds(batch), batch.targets.astype(jnp.int32)
        classes = log_odds.shape[-1]
        alone = not batch.of_labels and batch.outputs.shape[-1] == 1
        positive = targets if batch.of_labels else jax.nn.one_hot(targets - alone, classes, dtype=jnp.int32)
        known = jnp.where(targets >= 0, batch.weights, 0.0).astype(jnp.float32)
        weights = known if batch.of_labels else jnp.broadcast_to(known[..., None], log_odds.shape)
        weights = jnp.where((weights > 0) & jnp.isnan(log_odds), jnp.nan, weights)
        first = jnp.broadcast_to(2 * BINS * jnp.arange(classes, dtype=jnp.int32), log_odds.shape)
        cells = first + BINS * jnp.where(positive > 0, 1, 0) + _bins(log_odds)
        return cls(weighted_counts(cells, weights, classes * 2 * BINS).reshape(classes, 2, BINS), kind, average)

    def merge(self, other: clu.metrics.Metric) -> "ScoreHistogram":
        """Adds two metrics of one kind."""
        return jax.tree.map(jnp.add, self, other)

    def compute(self) -> np.float64:
        """Computes the average over the classes, on the host; NaN where no class has what it takes."""
        counts = np.asarray(self.counts, np.float64)
        counts = counts.sum(0, keepdims=True) if self.average == "micro" else counts
        negative, positive = counts[:, 0], counts[:, 1]  # (classes, BINS)
        total = positive.sum(1)
        values = {"auroc": _auroc, "average_precision": _average_precision}[self.kind](negative, positive)
        weights = np.where(np.isnan(values), 0.0, total if self.average == "weighted" else 1.0)
        if np.isnan(total).any() or not weights.sum() > 0:
            return np.float64(np.nan)
        return np.float64((np.nan_to_num(values) * weights).sum() / weights.sum())


def _log_odds(batch: ScoredBatch) -> jax.Array:
    """Returns the log-odds of each class or label, (batch, ..., classes) float32; of one output those of the second.

    Probabilities that round to 1 still have different odds: those of the others say which.
    """
    of_targets = getattr(batch.problem, "log_likelihoods", None)
    if batch.of_labels and of_targets is not None:
        yes, no = (of_targets(batch.outputs, jnp.full_like(batch.targets, holds)) for holds in (1, 0))
        return (yes - no).astype(jnp.float32)
    probabilities = batch.probabilities.astype(jnp.float32)
    others = 1 - probabilities
    if not batch.of_labels:
        largest = jax.nn.one_hot(probabilities.argmax(-1), probabilities.shape[-1], dtype=bool)
        others = jnp.where(largest, jnp.where(largest, 0.0, probabilities).sum(-1, keepdims=True), others)
    log_odds = jnp.log(probabilities) - jnp.log(others)
    return log_odds[..., 1:] if not batch.of_labels and batch.outputs.shape[-1] == 1 else log_odds


def _bins(log_odds: jax.Array) -> jax.Array:
    """Returns the bin of each of the log-odds, int32 from 0 to BINS - 1, ascending."""
    near = jnp.floor((log_odds + REACH) * (NEAR / (2 * REACH))).clip(0, NEAR - 1)
    beyond = jnp.log(jnp.maximum(jnp.abs(log_odds), REACH) / REACH) * (FAR / np.log(LIMIT / REACH))
    far = jnp.floor(beyond).clip(0, FAR - 1)
    bins = jnp.where(log_odds >= REACH, FAR + NEAR + far, jnp.where(log_odds <= -REACH, FAR - 1 - far, FAR + near))
    return jnp.nan_to_num(bins).astype(jnp.int32)


def _auroc(negative: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Returns (classes,) fractions of the pairs that are in order; NaN without positive or negative targets."""
    below = negative.cumsum(1) - negative / 2  # a pair in one bin counts half
    pairs = positive.sum(1) * negative.sum(1)
    return np.where(pairs > 0, (positive * below).sum(1) / np.where(pairs > 0, pairs, 1.0), np.nan)


def _average_precision(negative: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Returns (classes,) means of the precision at each positive target's score; NaN without positive targets."""
    found, taken = (part[:, ::-1].cumsum(1)[:, ::-1] for part in (positive, positive + negative))
    total = positive.sum(1)
    precisions = (positive * found / np.where(taken > 0, taken, 1.0)).sum(1)
    return np.where(total > 0, precisions / np.where(total > 0, total, 1.0), np.nan)


@dataclass(frozen=True)
class _Ranking:
    """A value of each class or label against all others, averaged; `name` says which."""

    average: Average = "macro"
    """"macro": every class or label counts alike; "weighted": by its targets; "micro": all of them together. Of
    `BinaryClassification` there is the second class alone."""

    name: ClassVar[str]
    higher_is_better = True
    unit = ""

    __post_init__ = check_words

    def __call__(self, batch: ScoredBatch) -> ScoreHistogram:
        """Returns the running metric of one batch."""
        return ScoreHistogram.of(batch, self.name, self.average)


class AUROC(_Ranking):
    """Area under the ROC curve: how often a target of the class has a higher probability than one of the others.

    The average is over the classes that have targets, and others. Probabilities whose odds differ by less than 0.8% may
    count as equal, so the value is at most half the fraction of such pairs off; usually by less than 0.0001.

    Source: J. Hanley and B. McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 143, 1982.
    """

    name = "auroc"


class AveragePrecision(_Ranking):
    """Area under the precision-recall curve: the mean precision of the thresholds at which a target is found.

    The average is over the classes that have targets. Odds that differ by less than 0.8% may count as equal, so the
    precision at a target may be any of those that the order of such a group allows.

    Source: scikit-learn's average_precision_score, a sum without interpolation.
    """

    name = "average_precision"
