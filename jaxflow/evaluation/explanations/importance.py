"""How much a model needs each column: what permuting it costs, and what each row's own values of it add."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxflow.evaluation.metrics.intervals import Measured, measure
from jaxflow.evaluation.metrics.scores import Units, each_example, scores_of_sums

# Rows that are predicted at once.
CHUNK = 4096


def permutation_importance(
    errors_of: Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    columns: Mapping[str, Sequence[int]],
    permutations: np.ndarray,
    *,
    units: Units | None = None,
    finish: Callable[[np.ndarray], np.ndarray] = lambda mean: mean,
) -> dict[str, Measured]:
    """Returns how far an error rises where the rows of a column are permuted: the mean over permutations.

    The interval is that of the mean over rows (BCa, 95%): units are resampled, the permutations are not. Columns that
    tell the same stand in for each other, so that each by itself may seem to matter little.

    Args:
      errors_of: (rows, ...) inputs -> (rows,) error of each, such as its loss, its squared error, or 1 where the answer
        is wrong: the mean of the latter rises as the accuracy falls.
      inputs: (rows, ...).
      columns: by name the positions of its features in a row's flattened inputs, which move together.
      permutations: (repeats, rows) integers, the row whose values each row gets: `permutations_of` draws them.
      units: what was split, which a resample draws as a whole; None for each row by itself.
      finish: makes the metric of a mean error, such as np.sqrt of squared errors' for RMSE.

    Returns:
      By column, in the order of `columns`.

    Source: L. Breiman, Random Forests, 2001; A. Fisher, C. Rudin and F. Dominici, All Models are Wrong, but Many are
    Useful, JMLR 20, 2019.
    """
    flat, units = inputs.reshape(len(inputs), -1), units or each_example(len(inputs))
    found = [np.ones(len(inputs)), errors_of(inputs)]
    for features in columns.values():
        for rows in permutations:
            moved = flat.copy()
            moved[:, list(features)] = flat[np.ix_(rows, features)]
            found.append(errors_of(moved.reshape(inputs.shape)))

    def rises(sums: np.ndarray) -> np.ndarray:
        means = finish(sums[:, 1:] / sums[:, :1])  # (resample, 1 + column * repeat)
        return means[:, 1:].reshape(len(sums), len(columns), -1).mean(2) - means[:, :1]

    scores = scores_of_sums(tuple(columns), np.stack(found, 1).astype(np.float64), units, rises)
    return measure([scores], units.count)


def permutations_of(rows: int, repeats: int, seed: int = 0) -> np.ndarray:
    """Returns permutations of rows, (repeats, rows) int64."""
    random = np.random.RandomState(seed)
    return np.stack([random.permutation(rows) for _ in range(repeats)])


def column_effects(
    outputs_of: Callable[[np.ndarray], np.ndarray],
    inputs: np.ndarray,
    background: np.ndarray,
    columns: Mapping[str, Sequence[int]],
) -> np.ndarray:
    """Returns what each row's own values of a column add to its output, against those of other rows.

    It is the output less the mean output with the column's values of each row of the background. Of a model that adds
    up functions of single columns, the effect is that function less its mean; of others, what columns do together is
    counted with each of them.

    Args:
      outputs_of: (rows, features) inputs -> (rows,) the number that is explained.
      inputs: (rows, features).
      background: (others, features) rows that a column's values are taken from, such as some of the training split.
      columns: by name, the positions of its features.

    Returns:
      (rows, columns) float64.

    Source: I. Kononenko and E. Strumbelj, An Efficient Explanation of Individual Classifications using Game Theory,
    JMLR 11, 2010, of which it has the first step: one column is taken out.
    """
    own, effects = np.asarray(outputs_of(inputs), np.float64), np.zeros((len(inputs), len(columns)))
    for place, features in enumerate(columns.values()):
        moved = np.repeat(inputs, len(background), axis=0)  # (row * other, feature)
        moved[:, list(features)] = np.tile(background[:, list(features)], (len(inputs), 1))
        outputs = np.asarray(outputs_of(moved), np.float64).reshape(len(inputs), -1)
        effects[:, place] = own - outputs.mean(1)
    return effects
