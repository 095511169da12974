"""Scores of a class for each pixel, voxel or token."""

from collections.abc import Sequence

import numpy as np

from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums
from jaxflow.schema import IGNORE


def count_masks(targets: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts the pixels of each example by class.

    Args:
      targets: (examples, *space) true classes, IGNORE where they are unknown.
      predictions: (examples, *space) answered classes.
      classes: how many there are.

    Returns:
      (examples, 3, classes) int64: how many pixels are truly of a class, answered as it, and both.
    """

    def count(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        known = target != IGNORE
        true, answered = target[known].astype(int), prediction[known].astype(int)
        return np.stack([np.bincount(x, minlength=classes) for x in (true, answered, true[true == answered])])

    return np.stack([count(*pair) for pair in zip(targets, predictions)])


def mask_scores(counted: np.ndarray, names: Sequence[str], units: Units) -> list[Scores]:
    """Returns accuracy, intersection over union and Dice of masks, the mean over classes and each class's own.

    Args:
      counted: (examples, 3, classes) as `count_masks` returns it.
      names: of the classes.
      units: of the examples.

    Returns:
      Scores of the split's pixels together; a class that is neither true nor answered counts in no mean. And
      "dice_per_example", the mean over examples of the mean over classes but the first, which is the background, as
      medical studies have it.
    """
    return [_overlaps(counted.reshape(len(counted), -1), names, units), _per_example(counted, units)]


def _overlaps(flat: np.ndarray, names: Sequence[str], units: Units) -> Scores:
    classes = len(names)
    present = flat.sum(0)[: 2 * classes].reshape(2, classes).sum(0) > 0

    def finish(sums: np.ndarray) -> np.ndarray:
        true, answered, both = sums[:, :classes], sums[:, classes : 2 * classes], sums[:, 2 * classes :]
        iou = np.where(true + answered > 0, both / (true + answered - both), np.nan)
        dice = np.where(true + answered > 0, 2 * both / (true + answered), np.nan)
        means = [np.nanmean(part, 1) for part in (iou[:, present], dice[:, present])]
        return np.column_stack([both.sum(1) / true.sum(1), *means, iou, dice])

    listed = [f"{kind}/{name}" for kind in ("iou", "dice") for name in names]
    return scores_of_sums(("accuracy", "iou", "dice", *listed), flat, units, finish)


def _per_example(counted: np.ndarray, units: Units) -> Scores:
    true, answered, both = (counted[:, i, 1:] for i in range(3))
    there = true + answered > 0
    dice = np.divide(2 * both, true + answered, out=np.zeros(both.shape), where=there)
    held = there.any(1)
    mean = np.divide(dice.sum(1), there.sum(1), out=np.zeros(len(dice)), where=held)
    values = np.column_stack([mean, held])
    return scores_of_sums(("dice_per_example",), values, units, lambda sums: sums[:, :1] / sums[:, 1:])


def count_tokens(targets: np.ndarray, predictions: np.ndarray, log_likelihoods: np.ndarray) -> np.ndarray:
    """Sums over the known tokens of each window.

    Args:
      targets: (windows, time) true tokens, IGNORE where there is none.
      predictions: (windows, time) answered tokens.
      log_likelihoods: (windows, time) natural logarithm of the true token's probability.

    Returns:
      (windows, 3) float64: the sum of the log-likelihoods, how many answers are right, how many tokens are known.
    """
    known = targets != IGNORE
    likelihood = np.where(known, log_likelihoods, 0.0).sum(1, dtype=np.float64)
    return np.column_stack([likelihood, (known & (targets == predictions)).sum(1), known.sum(1)])


def token_scores(counted: np.ndarray, units: Units) -> list[Scores]:
    """Returns perplexity, bits and accuracy of a class for each token.

    Args:
      counted: (windows, 3) as `count_tokens` returns it.
      units: of the windows.
    """

    def finish(sums: np.ndarray) -> np.ndarray:
        nats = -sums[:, 0] / sums[:, 2]
        return np.column_stack([np.exp(nats), nats / np.log(2), sums[:, 1] / sums[:, 2]])

    return [scores_of_sums(("perplexity", "bits_per_token", "accuracy"), counted, units, finish)]
