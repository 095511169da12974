"""Cells of a table, read as what their column holds: numbers, dates or categories."""

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np

from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

Kind = Literal["number", "date", "category", "empty"]
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# Share of the values from which on a column is taken to hold what they are, and the others to be mistakes.
MOSTLY = 0.9


def infer_column_type(table: RawTable, name: str, rows: np.ndarray) -> Kind:
    """Finds out what a column holds.

    Args:
      table: the table.
      name: the column.
      rows: indices of those to look at; others cannot decide anything.

    Returns:
      "number" (booleans too), "date" (ISO 8601), "category" for any other text, "empty" where all are missing.

    Raises:
      UserError: most values are numbers, or dates, and others are not.
    """
    there = rows[~table.missing(name)[rows]]
    if len(there) == 0:
        return "empty"
    if table.numbers(name) is not None:
        return "number"
    known = table[name][there]
    counts = Counter(known)
    for kind, reads in (("number", _number), ("date", _date)):
        wrong = {value for value in counts if _attempt(reads, value) is None}
        if not wrong:
            return kind
        others = sum(counts[value] for value in wrong)
        if len(known) - others > MOSTLY * len(known):
            first = next(place for place, value in enumerate(known) if value in wrong)
            raise UserError(
                f"column {name} holds {len(known) - others} {kind}s and {others} other values, first {known[first]!r} "
                f"in {table.row_name(there[first])}; correct them, name them in data.missing, or list the column in "
                "data.columns or data.drop"
            )
    return "category"


def parse_column(table: RawTable, name: str, kind: Kind, form: str = "") -> np.ndarray:
    """Reads a column's cells as what it holds.

    Args:
      table: the table.
      name: the column.
      kind: as `infer_column_type` gives it.
      form: of dates, as in datetime.strptime; empty for ISO 8601.

    Returns:
      (rows,) float64, NaN where missing, infinite or too large for float32; or datetime64[s], NaT where missing; or
      strings, None where missing.

    Raises:
      UserError: a value cannot be read so; it is named, and its row.
    """
    if kind == "number" and (plain := table.numbers(name)) is not None:
        return _finite(plain)
    values = table[name]
    if kind not in ("number", "date"):
        return np.array([None if value is None else category_name(value) for value in values], object)
    reads = _number if kind == "number" else partial(_date, form=form)
    meanings = {value: _attempt(reads, value) for value in set(values) - {None}}
    wrong = next((row for row, value in enumerate(values) if value is not None and meanings[value] is None), None)
    if wrong is not None:
        raise UserError(
            f"column {name} holds {kind}s, but {values[wrong]!r} in {table.row_name(wrong)}; correct it, or leave it "
            "empty"
        )
    meanings[None] = np.nan if kind == "number" else np.datetime64("NaT", "s")
    parsed = np.array([meanings[value] for value in values])
    return _finite(parsed) if kind == "number" else parsed


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Takes infinities, and what is one in float32, for missing."""
    return np.where(np.abs(numbers) > np.finfo(np.float32).max, np.nan, numbers)


def category_name(value: Any) -> str:
    """Names a cell as a category, whole numbers without a point: text files and Parquet then have the same names."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _attempt(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: Any) -> float:
    if isinstance(value, str):
        text = value.strip().lower()
        if "_" in text:
            raise ValueError(text)  # Python would take 1_000, no other reader does
        return BOOLEANS[text] if text in BOOLEANS else float(text)
    if isinstance(value, datetime):
        raise TypeError("a date is no number")
    return float(value)


def _date(value: Any, form: str = "") -> np.datetime64:
    if not isinstance(value, str):
        return np.datetime64(value, "s")
    if form:
        return np.datetime64(datetime.strptime(value.strip(), form), "s")
    moment = datetime.fromisoformat(value.strip())
    moment = moment if moment.tzinfo is None else moment.astimezone(UTC)  # as Parquet's are
    return np.datetime64(moment.replace(tzinfo=None), "s")
