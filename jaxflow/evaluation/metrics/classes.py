"""Scores of one class for each example, from stored probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums

# Bins of the calibration error, of equal width in the answer's probability.
CALIBRATION_BINS = 15
# Up to this many classes each has scores of its own, and a ranking.
MAX_LISTED_CLASSES = 100
# Log-loss counts no probability below this, float32's precision: a certain mistake would else be infinitely bad.
LEAST = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ClassRecords:
    """What was predicted of the examples whose class is known.

    Attributes:
      targets: (examples,) the true class.
      probabilities: (examples, classes) float64, of very many classes float32, rows that sum to 1.
      answers: (examples,) the answered class: the likeliest, or what a threshold says.
      names: of the classes.
    """

    targets: np.ndarray
    probabilities: np.ndarray
    answers: np.ndarray
    names: Sequence[str]

    @property
    def rows(self) -> np.ndarray:
        """(examples,) their indices."""
        return np.arange(len(self.targets))


def class_scores(records: ClassRecords, units: Units, positive: int = 1) -> list[Scores]:
    """Returns the scores of one class for each example.

    Args:
      records: targets and predictions.
      units: of the examples.
      positive: which of two classes is looked for: average precision is its.
    """
    families = [_counted(records, units), _summed(records, units), _calibration(records, units)]
    if len(records.names) > 5:
        families.append(_top(records, units, 5))
    # Each class has a ranking of its own: of very many they would take minutes to resample.
    return [*families, _ranked(records, units, positive)] if len(records.names) <= MAX_LISTED_CLASSES else families


def _counted(records: ClassRecords, units: Units) -> Scores:
    """Returns the scores that depend on how often each class is true, answered and both.

    Source of Matthews' coefficient of several classes: J. Gorodkin, Comparing Two K-Category Assignments by a
    K-Category Correlation Coefficient, Computational Biology and Chemistry 28, 2004.
    """
    listed = range(len(records.names)) if 2 <= len(records.names) <= MAX_LISTED_CLASSES else ()
    targets, answers, classes = records.targets, records.answers, len(records.names)
    if not listed:  # of very many classes those that occur: the others count nowhere
        occurring, codes = np.unique(np.concatenate([targets, answers]), return_inverse=True)
        targets, answers, classes = codes[: len(targets)], codes[len(targets) :], len(occurring)
    examples, hit = len(targets), targets == answers
    columns = np.concatenate([targets, classes + answers, 2 * classes + targets[hit]])
    rows = np.concatenate([records.rows, records.rows, records.rows[hit]])
    counted = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(examples, 3 * classes))
    occurs = np.bincount(targets, minlength=classes) > 0
    answered_once = np.bincount(answers, minlength=classes) > 0
    present, has = occurs | answered_once, (answered_once, occurs, occurs | answered_once)
    averaged = [f"{name}_{how}" for name in ("precision", "recall", "f1") for how in ("macro", "weighted")]
    names = ["accuracy", "balanced_accuracy", *averaged, "mcc", "kappa"]
    names += [f"{name}/{records.names[i]}" for i in listed for name in ("precision", "recall", "f1")]

    def finish(sums: np.ndarray) -> np.ndarray:
        true, answered, both = sums[:, :classes], sums[:, classes : 2 * classes], sums[:, 2 * classes :]
        total, right = true.sum(1), both.sum(1)
        wholes = (answered, true, true + answered)
        by_class = [share(part, whole) for part, whole in zip((both, both, 2 * both), wholes)]
        # A resample without a class that the split has tells nothing of a mean over classes.
        missed = (true[:, occurs] == 0).any(1)
        scores = [right / total, np.where(missed, np.nan, by_class[1][:, occurs].mean(1))]
        for values in by_class:
            scores += [np.where(missed, np.nan, values[:, present].mean(1)), (values * true).sum(1) / total]
        chance = (true * answered).sum(1)
        spread = np.sqrt((total**2 - (true**2).sum(1)) * (total**2 - (answered**2).sum(1)))
        scores += [share(right * total - chance, spread), share(right * total - chance, total**2 - chance)]
        # Nor does one without any example that a class's own score is of, where the split has some.
        single = [np.where((of == 0) & there, np.nan, values) for values, of, there in zip(by_class, wholes, has)]
        scores += [values[:, i] for i in listed for values in single]
        return np.stack(scores, 1)

    shares = {"accuracy": units.count}
    for i in listed:
        for kind, of in (("precision", answers), ("recall", targets)):
            shares[f"{kind}/{records.names[i]}"] = len(np.unique(units.index[of == i]))
    return scores_of_sums(tuple(names), counted, units, finish, shares)


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns part / whole, and 0 where both are 0, as scikit-learn does with zero_division=0."""
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole != 0)


def _summed(records: ClassRecords, units: Units) -> Scores:
    """Returns the scores that are means over examples: log-loss and Brier's.

    Source of the second: G. Brier, Verification of Forecasts Expressed in Terms of Probability, 1950: the squared error
    summed over classes; of two classes half of that, as scikit-learn has it.
    """
    of_truth = records.probabilities[records.rows, records.targets].astype(np.float64)
    squares = np.einsum("ij,ij->i", records.probabilities, records.probabilities, dtype=np.float64)
    squared = squares - 2 * of_truth + 1
    brier = squared / 2 if len(records.names) == 2 else squared
    values = np.stack([-np.log(np.clip(of_truth, LEAST, 1.0)), brier, np.ones(len(of_truth))], 1)
    return scores_of_sums(("log_loss", "brier"), values, units, lambda sums: sums[:, :2] / sums[:, 2:])


def _calibration(records: ClassRecords, units: Units) -> Scores:
    """Returns the expected calibration error of the answer's probability.

    Source: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    confidence = records.probabilities[records.rows, records.answers].astype(np.float64)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    apart = (records.targets == records.answers) - confidence
    shape = (len(bins), CALIBRATION_BINS)
    values = sparse.hstack(
        [sparse.csr_array((part, (records.rows, bins)), shape=shape) for part in (apart, np.ones(len(bins)))], "csr"
    )

    def finish(sums: np.ndarray) -> np.ndarray:
        errors, counts = np.split(sums, 2, axis=1)
        return np.abs(errors).sum(1, keepdims=True) / counts.sum(1, keepdims=True)

    return scores_of_sums(("calibration_error",), values, units, finish)


def _top(records: ClassRecords, units: Units, k: int) -> Scores:
    """Returns the share of examples whose true class is among the k likeliest; of equally likely ones the later is."""
    of_truth = records.probabilities[records.rows, records.targets][:, None]
    later = np.arange(len(records.names)) > records.targets[:, None]
    before = (records.probabilities > of_truth) | ((records.probabilities == of_truth) & later)
    values = np.stack([(before.sum(1) < k).astype(np.float64), np.ones(len(of_truth))], 1)
    name = f"top{k}_accuracy"
    return scores_of_sums((name,), values, units, lambda sums: sums[:, :1] / sums[:, 1:], {name: units.count})


def _ranked(records: ClassRecords, units: Units, positive: int) -> Scores:
    """Returns AUROC and average precision: of two classes one's, of more the mean of each against the rest."""
    classes = len(records.names)
    chosen = [positive] if classes == 2 else [i for i in range(classes) if (records.targets == i).any()]
    rankings = [rank(records.probabilities[:, i], records.targets == i, units) for i in chosen]

    def of(counts: np.ndarray) -> np.ndarray:
        return np.mean([ranking(counts) for ranking in rankings], 0)

    return Scores(("auroc", "average_precision"), of)


def rank(scores: np.ndarray, positive: np.ndarray, units: Units) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function of counts that computes AUROC and average precision of one ranking.

    Args:
      scores: (examples,) higher means positive.
      positive: (examples,) booleans.
      units: of the examples.

    Returns:
      (replicates, units) counts -> (replicates, 2); NaN where one side is empty.
    """
    order = np.argsort(-scores, kind="stable")
    unit, positive, scores = units.index[order], positive[order], scores[order]
    threshold = np.cumsum(np.diff(scores, prepend=scores[0]) != 0)  # equal scores are one
    # Thresholds in a row at which nothing is positive are one: the curves are straight there.
    held = np.bincount(threshold[positive], minlength=threshold[-1] + 1) > 0
    step = np.cumsum(held | np.append(True, held[:-1]))[threshold] - 1
    steps = step[-1] + 1
    columns = step + steps * ~positive
    members = sparse.csr_array((np.ones(len(unit)), (unit, columns)), shape=(units.count, 2 * steps))

    def of(counts: np.ndarray) -> np.ndarray:
        more, fallen = np.split(counts @ members, 2, axis=1)  # (replicates, steps)
        hits, falls = np.cumsum(more, 1), np.cumsum(fallen, 1)
        with np.errstate(invalid="ignore"):
            area = (fallen * (hits - more / 2)).sum(1) / (hits[:, -1] * falls[:, -1])
            precision = (more * share(hits, hits + falls)).sum(1) / hits[:, -1]
        return np.stack([area, precision], 1)

    return of
