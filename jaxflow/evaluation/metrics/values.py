"""Scores of numbers: errors of each of several targets, and of quantiles."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums


def value_scores(
    targets: np.ndarray, predictions: np.ndarray, outputs: Mapping[str, Sequence[int]], units: Units
) -> list[Scores]:
    """Returns RMSE, MAE, MAPE and R2 of each target.

    Args:
      targets: (examples, values).
      predictions: (examples, values).
      outputs: what a score's name ends in -> the values that it is of: {"": all}, or {"/price": ..., "/area": ...}.
      units: of the examples.
    """
    return [
        _errors(targets[:, list(chosen)].astype(np.float64), predictions[:, list(chosen)], end, units)
        for end, chosen in outputs.items()
    ]


def _errors(targets: np.ndarray, predictions: np.ndarray, end: str, units: Units) -> Scores:
    """Returns the errors of some values, (examples, values), that count alike.

    R2 is the mean of each value's own, as scikit-learn's `uniform_average`. MAPE divides by the true value, or by 2^-52
    where that is 0, as scikit-learn does.
    """
    examples, values = targets.shape
    errors = predictions - targets
    centred = targets - targets.mean(0)  # sums of squares of what is far from 0 would lose digits
    columns = [
        np.square(errors).mean(1, keepdims=True),
        np.abs(errors).mean(1, keepdims=True),
        (np.abs(errors) / np.maximum(np.abs(targets), np.finfo(np.float64).eps)).mean(1, keepdims=True),
        np.ones((examples, 1)),
        np.square(errors),
        centred,
        np.square(centred),
    ]

    def finish(sums: np.ndarray) -> np.ndarray:
        squared, absolute, relative, count, *rest = np.split(sums, [1, 2, 3, 4, 4 + values, 4 + 2 * values], 1)
        residual, first, second = rest
        total = second - np.square(first) / count
        explained = np.where(total > 0, 1 - residual / total, np.nan).mean(1, keepdims=True)
        return np.concatenate([np.sqrt(squared / count), absolute / count, relative / count, explained], 1)

    names = tuple(f"{name}{end}" for name in ("rmse", "mae", "mape", "r2"))
    return scores_of_sums(names, np.concatenate(columns, 1), units, finish)


def quantile_scores(targets: np.ndarray, quantiles: np.ndarray, levels: Sequence[float], units: Units) -> Scores:
    """Returns the pinball loss and the coverage of quantiles.

    Args:
      targets: (examples, values).
      quantiles: (examples, levels, values), ascending by level.
      levels: of the quantiles, ascending in (0, 1).
      units: of the examples.

    Returns:
      "pinball", the mean over levels and values; "below_L", the share of true values at or under the quantile of level
      L, which is L where quantiles are right; with two levels or more "coverage", the share between the outermost.
    """
    level = np.asarray(levels)[:, None]
    apart = targets[:, None].astype(np.float64) - quantiles
    below = (apart <= 0).mean(2)
    inside = ((apart[:, :1] >= 0) & (apart[:, -1:] <= 0)).mean(2)
    pinball = np.maximum(level * apart, (level - 1) * apart).mean((1, 2))[:, None]
    names = ["pinball", *(f"below_{each:g}" for each in levels), *(["coverage"] if len(levels) > 1 else [])]
    values = np.concatenate([pinball, below, *([inside] if len(levels) > 1 else []), np.ones((len(targets), 1))], 1)
    return scores_of_sums(tuple(names), values, units, lambda sums: sums[:, :-1] / sums[:, -1:])


def forecast_scores(
    targets: np.ndarray,
    predictions: np.ndarray,
    naive: np.ndarray,
    outputs: Mapping[str, Sequence[int]],
    units: Units,
) -> list[Scores]:
    """Returns the scores of each column's forecasts beside those of values: their units may differ.

    Args:
      targets: (windows, columns * horizon), a column's steps ahead one after another.
      predictions: likewise.
      naive: likewise, the forecast that the error is divided by.
      outputs: as `value_scores` takes them; the values of each are a column's, one for each step ahead.
      units: of the windows.

    Returns:
      "mase", the mean absolute error by the naive forecast's, "smape", and "rmse_step_N" for each step ahead; of
      several columns with the column's ending.

    Source: R. Hyndman and A. Koehler, Another Look at Measures of Forecast Accuracy, International J. of Forecasting
    22, 2006; the naive errors are those of the same windows, so that 1 means no better than naive.
    """
    parts = (targets.astype(np.float64), predictions, naive)
    return [_forecasts(*(part[:, list(chosen)] for part in parts), end, units) for end, chosen in outputs.items()]


def _forecasts(targets: np.ndarray, predictions: np.ndarray, naive: np.ndarray, end: str, units: Units) -> Scores:
    """Returns the scores of one column's forecasts, (windows, steps) each."""
    errors = predictions - targets
    size = np.abs(targets) + np.abs(predictions)
    relative = np.divide(2 * np.abs(errors), size, out=np.zeros_like(errors), where=size > 0)
    ours, theirs = np.abs(errors).mean(1), np.abs(naive - targets).mean(1)
    values = np.column_stack([ours, theirs, relative.mean(1), np.ones(len(errors)), np.square(errors)])

    def finish(sums: np.ndarray) -> np.ndarray:
        scaled = np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan)
        return np.column_stack([scaled, sums[:, 2] / sums[:, 3], np.sqrt(sums[:, 4:] / sums[:, 3:4])])

    names = ("mase", "smape", *(f"rmse_step_{step + 1}" for step in range(targets.shape[1])))
    return scores_of_sums(tuple(f"{name}{end}" for name in names), values, units, finish)
