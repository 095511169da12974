"""Which threshold of a probability answers best: by F1, or by what false positives and false negatives cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.schema import Schema, Target
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.program import Program

# What a false negative costs, where a false positive costs 1.
COSTS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def validated_thresholds(program: Program, variables: Any, dataset: Dataset, rows: int) -> dict[str, Any]:
    """Returns the best thresholds on the validation split, as results.json holds them; {} where there are none.

    Args:
      program: of the run.
      variables: what the model is evaluated with.
      dataset: the data.
      rows: of a batch, as those of the test split have, so that nothing is compiled again.
    """
    if not has_thresholds(program.schema) or "validation" not in dataset.splits:
        return {}
    blocks: list[tuple[np.ndarray, np.ndarray]] = []
    evaluate_split(
        program.compile_eval_step(),
        variables,
        dataset.splits["validation"],
        rows,
        program.layout,
        on_block=lambda block: blocks.append((block["targets"], block["predictions"])),
    )
    targets, probabilities = (np.concatenate(parts) for parts in zip(*blocks))
    if probabilities.shape[1:] != (len(program.schema.target.names),):
        return {}  # of a problem of the user's own
    positive = positive_class(program.experiment.problem)
    return {"split": "validation", **choose_thresholds(program.schema.target, targets, probabilities, positive)}


def positive_class(problem: Any) -> int:
    """Returns which of two classes a threshold is for: the problem's positive one, or the second."""
    return getattr(problem, "positive_class", 1)


def has_thresholds(schema: Schema) -> bool:
    """Returns whether answers are yes or no for each example: one of two classes, or labels."""
    target = schema.target
    return target.kind == "labels" or (target.kind == "class" and len(target.names) == 2 and not target.dense_shape)


def choose_thresholds(
    target: Target, targets: np.ndarray, probabilities: np.ndarray, positive: int = 1
) -> dict[str, Any]:
    """Returns the best thresholds of a split by name: those of COSTS, and each label's by F1.

    Args:
      target: one of two classes, or labels.
      targets: (examples,) classes, or (examples, labels); unknown ones, below 0, count nowhere.
      probabilities: (examples, 2), or (examples, labels); what is not finite counts nowhere.
      positive: which of two classes is the positive one.

    Returns:
      {"costs": by COSTS}, and of labels, all of which these are for, {"f1": by label}; a threshold is None where no
      example is positive, or all are.
    """
    if target.kind == "labels":
        columns = range(len(target.names))
        pooled = [_chosen(probabilities.ravel(), targets.ravel(), cost) for cost in COSTS]
        return {"costs": pooled, "f1": [_chosen(probabilities[:, i], targets[:, i], None) for i in columns]}
    held = np.where(targets < 0, targets, targets == positive)
    return {"costs": [_chosen(probabilities[:, positive], held, cost) for cost in COSTS]}


def _chosen(scores: np.ndarray, targets: np.ndarray, cost: float | None) -> float | None:
    known = (targets >= 0) & np.isfinite(scores)
    scores, positive = scores[known].astype(np.float64), targets[known] > 0
    if not positive.any() or positive.all():
        return None
    return best_f1(scores, positive) if cost is None else cheapest(scores, positive, cost)


def outcomes(scores: np.ndarray, positive: np.ndarray, thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    """Counts how the answers of each threshold turn out.

    Args:
      scores: (examples,) probabilities of the positive class.
      positive: (examples,) booleans.
      thresholds: probabilities from which on the answer is positive.

    Returns:
      (thresholds, 3) int: true positives, false positives, false negatives.
    """
    ascending = [np.sort(scores[which]) for which in (positive, ~positive)]
    answered = [len(part) - np.searchsorted(part, np.asarray(thresholds, part.dtype)) for part in ascending]
    return np.stack([*answered, len(ascending[0]) - answered[0]], 1)


def cheapest(scores: np.ndarray, positive: np.ndarray, cost: float) -> float:
    """Returns the threshold whose mistakes cost least; of several as cheap the one nearest to 0.5.

    Args:
      scores: (examples,) probabilities of the positive class.
      positive: (examples,) booleans.
      cost: of a false negative, where a false positive costs 1.
    """
    thresholds = _between(scores)
    _, false_positives, false_negatives = outcomes(scores, positive, thresholds).T
    costs = false_positives + cost * false_negatives
    least = thresholds[costs <= costs.min() + 1e-9 * (1 + costs.min())]
    return float(least[np.abs(least - 0.5).argmin()])


def best_f1(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the threshold with the highest F1; of several as good the one nearest to 0.5. Arguments as `cheapest`."""
    thresholds = _between(scores)
    right, false_positives, false_negatives = outcomes(scores, positive, thresholds).T
    scored = 2 * right / np.maximum(2 * right + false_positives + false_negatives, 1)
    best = thresholds[scored >= scored.max() - 1e-9]
    return float(best[np.abs(best - 0.5).argmin()])


def _between(scores: np.ndarray) -> np.ndarray:
    """Returns thresholds that answer differently: 0, between neighbouring probabilities, and above all of them."""
    distinct = np.unique(scores.astype(np.float64))
    middle = (distinct[1:] + distinct[:-1]) / 2
    middle = np.where(middle > distinct[:-1], middle, distinct[1:])  # between neighbouring floats there is none
    return np.concatenate([[0.0], middle, [np.nextafter(distinct[-1], 2)]])
