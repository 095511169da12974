"""Row filtering: missing values, duplicates, outliers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import keys_from_cells
from jaxflow.errors import UserError
from jaxflow.ranges import Positive, check_ranges


@dataclass(frozen=True)
class Outliers:
    """Rows with a number that lies far out are left out of training, and counted.

    What is far out is fitted to the training rows. Rows of validation and test are not left out: new rows to be
    predicted have outliers too, and a test without them would flatter the model.
    """

    method: Literal["iqr", "quantile"] = "iqr"
    """iqr: further from the nearer quartile than `threshold` times the distance between the two; where half of a
    column is one number, nothing of it is. quantile: among the smallest or the largest fraction `threshold`."""
    threshold: Positive = 3.0
    """How far is far out: for quartiles 1.5 is usual, and 3 for extreme; for quantile a fraction such as 0.01."""
    columns: tuple[str, ...] = ()
    """Columns of numbers that are checked, the target too if it is named; empty for all inputs that are numbers."""
    held_out: bool = False
    """Whether such rows are left out of validation and test too, for numbers that can only be mistakes."""

    def __post_init__(self) -> None:
        if self.method not in ("iqr", "quantile"):
            raise UserError(f"outliers.method is {self.method!r}; it must be one of iqr, quantile")
        check_ranges(self)
        limit = 0.5 if self.method == "quantile" else np.inf
        if not 0 < self.threshold < limit:
            raise UserError(
                f"outliers.threshold is {self.threshold}; with {self.method} it must lie between 0 and {limit:g}"
            )

    def drop(
        self, numbers: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """Removes outliers from the splits.

        Args:
          numbers: by column, (rows,) float64, NaN where missing.
          parts: the rows of each split.

        Returns:
          The remaining rows of each split, and the number of the others by the first column where they lie far out.

        Raises:
          UserError: no training row is left.
        """
        if not numbers:
            raise UserError("data.outliers looks at numbers, and no column holds them; leave it out")
        checked = np.zeros(len(next(iter(numbers.values()))), bool)
        for name, rows in parts.items():
            checked[rows] = name == "train" or self.held_out
        reasons = {}
        for name, values in numbers.items():
            known = values[parts["train"]]
            low, high = self._bounds(known[~np.isnan(known)])
            reasons[f"outlier in {name}"] = checked & ((values < low) | (values > high))  # a missing one is neither
        remains, excluded = _count_by_first(reasons)
        remaining = {name: rows[remains[rows]] for name, rows in parts.items()}
        if len(remaining["train"]) == 0:
            raise UserError("every training row has an outlier; change data.outliers.threshold, or name fewer columns")
        return remaining, excluded

    def _bounds(self, known: np.ndarray) -> tuple[float, float]:
        if len(known) == 0:
            return -np.inf, np.inf
        if self.method == "quantile":
            low, high = np.quantile(known, (self.threshold, 1 - self.threshold))
            return low, high
        low, high = np.quantile(known, (0.25, 0.75))
        reach = self.threshold * (high - low) or np.inf
        return low - reach, high + reach


def filter_rows(
    raw: RawTable,
    required: Sequence[str],
    inputs: Sequence[str],
    max_missing_fraction: float,
    duplicates: Literal["keep", "drop"],
    apart: Sequence[str | None],
) -> tuple[np.ndarray, dict[str, int]]:
    """Filters the rows of a table, whatever split they come to lie in.

    Args:
      raw: the table.
      required: columns that a row must have.
      inputs: columns that may be missing.
      max_missing_fraction: fraction of the inputs that a row may miss.
      duplicates: whether rows that equal an earlier one remain.
      apart: columns by which equal rows may differ, such as the one that names them or tells their split; None is none.

    Returns:
      Indices of the rows that remain, and the number of the others by the first reason.
    """
    reasons = {f"no {name}": raw.missing(name) for name in required}
    missing = sum(raw.missing(name).astype(int) for name in inputs) / len(inputs)
    reasons[f"more than {max_missing_fraction:.0%} of the columns missing"] = missing > max_missing_fraction
    if duplicates == "drop":
        _, first = np.unique(keys_from_cells(raw.without(*(name for name in apart if name in raw))), return_index=True)
        reasons["equal to an earlier row"] = ~np.isin(np.arange(raw.rows), first)
    remains, excluded = _count_by_first(reasons)
    return np.flatnonzero(remains), excluded


def _count_by_first(reasons: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[str, int]]:
    """Returns which rows remain, (rows,) booleans, and counts the others by the first reason that holds for each."""
    remains, excluded = np.ones(len(next(iter(reasons.values()))), bool), {}
    for reason, holds in reasons.items():
        excluded[reason] = int((remains & holds).sum())
        remains &= ~holds
    return remains, {reason: count for reason, count in excluded.items() if count}
