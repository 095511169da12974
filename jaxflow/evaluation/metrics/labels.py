"""Scores of labels that hold or do not, any number of them for each example, from stored probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxflow.evaluation.metrics.classes import LEAST, MAX_LISTED_CLASSES, rank, share
from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums


@dataclass(frozen=True)
class LabelRecords:
    """What was predicted of the examples.

    Attributes:
      targets: (examples, labels) 1 where a label holds, 0 where not, below 0 where nobody knows.
      probabilities: (examples, labels) float64.
      answers: (examples, labels) 1 where a label is answered, else 0.
      names: of the labels.
    """

    targets: np.ndarray
    probabilities: np.ndarray
    answers: np.ndarray
    names: Sequence[str]


def label_scores(records: LabelRecords, units: Units) -> list[Scores]:
    """Returns the scores of labels, as scikit-learn has them; unknown ones count nowhere.

    Args:
      records: targets and predictions.
      units: of the examples.
    """
    families = [_counted(records, units), _summed(records, units)]
    return [*families, _ranked(records, units)] if len(records.names) <= MAX_LISTED_CLASSES else families


def _counted(records: LabelRecords, units: Units) -> Scores:
    """Returns the scores that depend on how often each label holds, is answered, and both."""
    known, labels = records.targets >= 0, len(records.names)
    true, answered = (known & (part == 1) for part in (records.targets, records.answers))
    right = known & (true == answered)
    columns = [true, answered, true & answered, right.sum(1, keepdims=True), known.sum(1, keepdims=True)]
    listed = range(labels) if labels <= MAX_LISTED_CLASSES else ()
    kinds, occurs, present = ("precision", "recall", "f1"), true.any(0), (true | answered).any(0)
    has = (answered.any(0), occurs, present)
    names = ["accuracy", *(f"{kind}_{how}" for kind in kinds for how in ("micro", "macro", "weighted"))]
    names += [f"{kind}/{records.names[i]}" for i in listed for kind in kinds]

    def finish(sums: np.ndarray) -> np.ndarray:
        held, said, both, hits, count = np.split(sums, [labels, 2 * labels, 3 * labels, 3 * labels + 1], 1)
        whole = (said, held, held + said)
        parts = (both, both, 2 * both)
        by_label = [share(part, of) for part, of in zip(parts, whole)]
        pooled = [share(part.sum(1), of.sum(1)) for part, of in zip(parts, whole)]
        # A resample without a label that the split has tells nothing of a mean over labels.
        missed = (held[:, occurs] == 0).any(1)
        scores = [hits[:, 0] / count[:, 0]]
        for values, micro in zip(by_label, pooled):
            macro = np.where(missed, np.nan, values[:, present].mean(1))
            scores += [micro, macro, (values * held).sum(1) / held.sum(1)]
        # Nor does one without any example that a label's own score is of, where the split has some.
        single = [np.where((of == 0) & there, np.nan, values) for values, of, there in zip(by_label, whole, has)]
        return np.stack([*scores, *(values[:, i] for i in listed for values in single)], 1)

    return scores_of_sums(tuple(names), np.concatenate(columns, 1).astype(np.float64), units, finish)


def _summed(records: LabelRecords, units: Units) -> Scores:
    """Returns log-loss and Brier's score, means over the labels that are known."""
    known = records.targets >= 0
    of_truth = np.where(records.targets == 1, records.probabilities, 1 - records.probabilities)
    parts = (-np.log(np.clip(of_truth, LEAST, 1.0)), np.square(1 - of_truth), np.ones(of_truth.shape))
    values = np.stack([np.where(known, part, 0.0).sum(1) for part in parts], 1)
    return scores_of_sums(("log_loss", "brier"), values, units, lambda sums: sums[:, :2] / sums[:, 2:])


def _ranked(records: LabelRecords, units: Units) -> Scores:
    """Returns AUROC and average precision, means over the labels that hold somewhere and not everywhere."""
    rankings = []
    for i in range(len(records.names)):
        known = records.targets[:, i] >= 0
        positive = records.targets[known, i] == 1
        if positive.any() and not positive.all():
            here = Units(units.index[known], units.count)
            rankings.append(rank(records.probabilities[known, i], positive, here))

    def of(counts: np.ndarray) -> np.ndarray:
        if not rankings:
            return np.full((len(counts), 2), np.nan)
        return np.mean([ranking(counts) for ranking in rankings], 0)

    return Scores(("auroc", "average_precision"), of)
