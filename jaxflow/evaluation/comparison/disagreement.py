"""Where two runs differ: the examples that only one has right, or on which one does better."""

from collections.abc import Sequence

import numpy as np

from jaxflow.evaluation.comparison.values import Apart, Disagreement
from jaxflow.evaluation.stored import Stored
from jaxflow.reports.wording import exact, percent

# Examples that are named of each side.
MAX_NAMED = 12


def disagreement(ours: Stored, theirs: Stored) -> Disagreement:
    """Returns where two runs differ.

    Args:
      ours: the records of the first.
      theirs: those of the other, of the same examples in the same order.
    """
    if ours.kind == "class":
        return _of_answers(ours, theirs)
    measure, first = goodness(ours)
    _, other = goodness(theirs)
    apart = other - first
    order = np.argsort(apart, kind="stable")
    ahead = [row for row in order if apart[row] < 0][:MAX_NAMED], [row for row in order[::-1] if apart[row] > 0]
    sides = [
        tuple(
            Apart(str(ours.ids[row]), _true(ours, row), (exact(abs(float(first[row]))), exact(abs(float(other[row])))))
            for row in rows[:MAX_NAMED]
        )
        for rows in ahead
    ]
    return Disagreement(measure, (), *sides)


def goodness(stored: Stored) -> tuple[str, np.ndarray]:
    """Returns how well each example was done, more is better, and what that is in words.

    Returns:
      The measure, and (examples,) float64: the share of right pixels, the mean log-likelihood of tokens, the negative
      absolute error of values (of several, in units of their deviation), or the negative loss.
    """
    targets, predictions = stored.targets, stored.predictions
    if targets is None or predictions is None or stored.kind in ("class", "other"):
        return "loss", -stored.losses
    if stored.kind == "value":
        scale = np.where(targets.std(0) > 0, targets.std(0), 1) if targets.shape[1] > 1 else 1.0
        measure = "mean absolute error, in deviations" if targets.shape[1] > 1 else "absolute error"
        return measure, -(np.abs(predictions - targets) / scale).mean(1).astype(np.float64)
    space = tuple(range(1, targets.ndim))
    known = targets >= 0
    if stored.kind == "token" and stored.log_likelihoods is not None:
        sums = np.where(known, stored.log_likelihoods, 0).sum(space, dtype=np.float64)
        return "nats per token", sums / np.maximum(known.sum(space), 1)
    return "right pixels", (known & (targets == predictions)).sum(space) / np.maximum(known.sum(space), 1)


def _of_answers(ours: Stored, theirs: Stored) -> Disagreement:
    """Returns which examples only one has right, those first of whose true class the two are least of one mind."""
    targets = ours.targets
    assert targets is not None
    assert ours.answers is not None
    assert theirs.answers is not None
    known = targets >= 0
    right = [known & (stored.answers == targets) for stored in (ours, theirs)]
    groups = (right[0] & right[1], right[0] & ~right[1], right[1] & ~right[0], known & ~right[0] & ~right[1])
    apart = np.abs(_probability(theirs, targets) - _probability(ours, targets))
    sides = []
    for only in groups[1:3]:
        rows = np.flatnonzero(only)
        shown: Sequence[int] = rows[np.argsort(-apart[rows], kind="stable")][:MAX_NAMED].tolist()
        answers = [(_answer(ours, row), _answer(theirs, row)) for row in shown]
        sides.append(tuple(Apart(str(ours.ids[row]), ours.names[targets[row]], a) for row, a in zip(shown, answers)))
    return Disagreement("right answers", tuple(int(group.sum()) for group in groups), *sides)


def _probability(stored: Stored, classes: np.ndarray) -> np.ndarray:
    assert stored.predictions is not None
    return np.take_along_axis(stored.predictions, np.maximum(classes, 0)[:, None], 1)[:, 0]


def _answer(stored: Stored, row: int) -> str:
    """Returns the answered class and its probability: "cat (91%)"."""
    assert stored.answers is not None
    assert stored.predictions is not None
    answered = int(stored.answers[row])
    return f"{stored.names[answered]} ({percent(float(stored.predictions[row, answered]), 100)})"


def _true(stored: Stored, row: int) -> str:
    targets = stored.targets
    return (
        exact(float(targets[row, 0]))
        if stored.kind == "value" and targets is not None and targets.shape[1] == 1
        else ""
    )
