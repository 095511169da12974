"""Which rows of a table stay: those that hold what they must, each once, and none that lies far out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.data.tables.raw_table import RawTable, ids_from_cells
from jaxflow.errors import UserError


@dataclass(frozen=True)
class Outliers:
    """Rows with a number that lies far out are left out of training, and counted.

    What is far out is fitted to the training rows. Rows of validation and test stay, odd as they are: new rows to be
    predicted come as they like, and a test that leaves the odd ones out would flatter the model.
    """

    method: Literal["iqr", "quantile"] = "iqr"
    """iqr: further from the nearer quartile than `threshold` times the distance between the two; where half of a
    column is one number, nothing of it is. quantile: among the smallest or the largest of the share `threshold`."""
    threshold: float = 3.0
    """How far is far out: for quartiles 1.5 is usual, and 3 for extreme; for quantile a share such as 0.01."""
    columns: tuple[str, ...] = ()
    """Columns of numbers that are looked at, the target too if it is named; empty for all inputs that are numbers."""
    held_out: bool = False
    """Whether such rows are left out of validation and test too, for numbers that can only be mistakes."""

    def __post_init__(self) -> None:
        if self.method not in ("iqr", "quantile"):
            raise UserError(f"outliers.method is {self.method!r}; it must be one of iqr, quantile")
        most = 0.5 if self.method == "quantile" else np.inf
        if not 0 < self.threshold < most:
            raise UserError(
                f"outliers.threshold is {self.threshold}; with {self.method} it must lie between 0 and {most:g}"
            )

    def drop(
        self, numbers: Mapping[str, np.ndarray], parts: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """Takes outliers out of the splits.

        Args:
          numbers: by column, (rows,) float64, NaN where missing.
          parts: the rows of each split.

        Returns:
          The rows of each split that stay, and how many do not, by the first column where they lie far out.

        Raises:
          UserError: no training row is left.
        """
        if not numbers:
            raise UserError("data.outliers looks at numbers, and no column holds them; leave it out")
        looked_at = np.zeros(len(next(iter(numbers.values()))), bool)
        for name, rows in parts.items():
            looked_at[rows] = name == "train" or self.held_out
        reasons = {}
        for name, values in numbers.items():
            known = values[parts["train"]]
            low, high = self._bounds(known[~np.isnan(known)])
            reasons[f"outlier in {name}"] = looked_at & ((values < low) | (values > high))  # a missing one is neither
        stays, excluded = _count_by_first(reasons)
        swept = {name: rows[stays[rows]] for name, rows in parts.items()}
        if len(swept["train"]) == 0:
            raise UserError("every training row has an outlier; change data.outliers.threshold, or name fewer columns")
        return swept, excluded

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
    id_column: str | None,
) -> tuple[np.ndarray, dict[str, int]]:
    """Says which rows of a table stay, whatever split they come to lie in.

    Args:
      raw: the table.
      required: columns that a row must have.
      inputs: columns that may be missing.
      max_missing_fraction: share of the inputs that a row may miss.
      duplicates: whether rows that equal an earlier one stay.
      id_column: the column that names the rows, by which they always differ; None where there is none.

    Returns:
      Indices of the rows that stay, and how many do not, by the first reason.
    """
    reasons = {f"no {name}": raw.missing(name) for name in required}
    share = sum(raw.missing(name).astype(int) for name in inputs) / len(inputs)
    reasons[f"more than {max_missing_fraction:.0%} of the columns missing"] = share > max_missing_fraction
    if duplicates == "drop":
        same = ids_from_cells(raw.without(id_column))
        reasons["equal to an earlier row"] = np.array(["-" in name for name in same])
    stays, excluded = _count_by_first(reasons)
    return np.flatnonzero(stays), excluded


def _count_by_first(reasons: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[str, int]]:
    """Says which rows stay, (rows,) booleans, and counts the others by the first reason that each has to go."""
    stays, excluded = np.ones(len(next(iter(reasons.values()))), bool), {}
    for reason, goes in reasons.items():
        excluded[reason] = int((stays & goes).sum())
        stays &= ~goes
    return stays, {reason: count for reason, count in excluded.items() if count}
