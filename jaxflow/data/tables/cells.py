"""Cells of a table, read as what their column holds: numbers, dates or categories."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

T = TypeVar("T")
Kind = Literal["number", "date", "category", "empty"]
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# Fraction of the values of one type from which on a column is of that type, and the others are mistakes.
MOSTLY = 0.9


def infer_column_type(table: RawTable, name: str, rows: np.ndarray) -> Kind:
    """Infers the type of a column.

    Args:
      table: the table.
      name: the column.
      rows: indices of the rows that decide.

    Returns:
      "number" (booleans too), "date" (ISO 8601), "category" for any other text, "empty" where all are missing.

    Raises:
      UserError: most values are numbers, or dates, and others are not.
    """
    present = rows[~table.missing(name)[rows]]
    if len(present) == 0:
        return "empty"
    if table.numbers(name) is not None:
        return "number"
    known = table[name][present]
    counts = Counter(known)
    for kind, reads in (("number", _number), ("date", _date)):
        wrong = {value for value in counts if _attempt(reads, value) is None}
        if not wrong:
            return kind
        others = sum(counts[value] for value in wrong)
        if len(known) - others > MOSTLY * len(known):
            first = next(index for index, value in enumerate(known) if value in wrong)
            raise UserError(
                f"column {name} holds {len(known) - others} {kind}s and {others} other values, first {known[first]!r} "
                f"in {table.row_name(present[first])}; correct them, name them in data.missing, or list the column in "
                "data.columns or data.drop"
            )
    return "category"


def parse_column(table: RawTable, name: str, kind: Kind, form: str = "") -> np.ndarray:
    """Parses the cells of a column as its type.

    Args:
      table: the table.
      name: the column.
      kind: the type, from `infer_column_type`.
      form: of dates, as in datetime.strptime; empty for ISO 8601.

    Returns:
      (rows,) float64, NaN where missing, infinite or too large for float32; or datetime64[s], NaT where missing; or
      strings, None where missing.

    Raises:
      UserError: a value is not of the type; it is named, and its row.
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
    """Replaces numbers that float32 cannot hold by NaN, which is missing."""
    return np.where(np.abs(numbers) > np.finfo(np.float32).max, np.nan, numbers)


def category_name(value: object) -> str:
    """Returns a cell's category: whole numbers without a point, so that text files and Parquet have the same ones."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _attempt(read: Callable[[object], T], value: object) -> T | None:
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: object) -> float:
    if isinstance(value, str):
        text = value.strip().lower()
        if "_" in text:
            raise ValueError(text)  # Python would take 1_000, no other reader does
        return BOOLEANS[text] if text in BOOLEANS else float(text)
    if isinstance(value, datetime):
        raise TypeError("a date is no number")
    return float(value)


def _date(value: object, form: str = "") -> np.datetime64:
    if not isinstance(value, str):
        return np.datetime64(value, "s")
    if form:
        return np.datetime64(datetime.strptime(value.strip(), form), "s")
    moment = datetime.fromisoformat(value.strip())
    moment = moment if moment.tzinfo is None else moment.astimezone(UTC)  # as Parquet's are
    return np.datetime64(moment.replace(tzinfo=None), "s")
