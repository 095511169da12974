"""Cells of a table, read as what their column holds: numbers, dates or categories."""

from datetime import datetime
from typing import Any, Literal

import numpy as np

from jaxflow.errors import UserError

Kind = Literal["number", "date", "category", "empty"]
BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# Share of the values from which on a column is taken to hold what they are, and the others to be mistakes.
MOSTLY = 0.9


def kind_of(name: str, values: np.ndarray, rows: np.ndarray) -> Kind:
    """Finds out what a column holds.

    Args:
      name: the column's, for errors.
      values: (rows,) objects, None where missing.
      rows: indices of those to look at; others cannot decide anything.

    Returns:
      "number" (booleans too), "date" (ISO 8601), "category" for any other text, "empty" where all are missing.

    Raises:
      UserError: most values are numbers, or dates, and others are not.
    """
    there = [row for row in rows if values[row] is not None]
    known = [values[row] for row in there]
    if not known:
        return "empty"
    for kind, reads in (("number", _number), ("date", _date)):
        read = [_attempt(reads, value) is not None for value in known]
        if all(read):
            return kind
        if sum(read) > MOSTLY * len(known):
            wrong = read.index(False)
            raise UserError(
                f"column {name} holds {sum(read)} {kind}s and {len(known) - sum(read)} other values, first "
                f"{known[wrong]!r} in row {there[wrong] + 1}; correct them, name them in data.missing, or list the "
                "column in data.columns or data.drop"
            )
    return "category"


def parse(name: str, values: np.ndarray, kind: Kind, form: str = "", first: int = 0) -> np.ndarray:
    """Reads a column's values as what it holds.

    Args:
      name: the column's, for errors.
      values: (rows,) objects, None where missing.
      kind: as `kind_of` gives it.
      form: of dates, as in datetime.strptime; empty for ISO 8601.
      first: the row of the first of them, for errors.

    Returns:
      (rows,) float64, NaN where missing or infinite; or datetime64[s], NaT where missing; or the strings.

    Raises:
      UserError: a value cannot be read so; it is named, and its row.
    """
    if kind not in ("number", "date"):
        return np.array([None if value is None else str(value) for value in values], object)
    parsed = np.full(len(values), np.nan if kind == "number" else np.datetime64("NaT", "s"), _DTYPES[kind])
    for row, value in enumerate(values):
        if value is None:
            continue
        read = _attempt(_number, value) if kind == "number" else _attempt(_date, value, form)
        if read is None:
            raise UserError(
                f"column {name} holds {kind}s, but {value!r} in row {first + row + 1}; correct it, or leave it empty"
            )
        parsed[row] = read
    if kind == "number":
        parsed[np.isinf(parsed)] = np.nan
    return parsed


_DTYPES = {"number": np.float64, "date": "datetime64[s]"}


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
    return np.datetime64(moment.replace(tzinfo=None), "s")
