"""Cells of a table, read as what their column holds: numbers, dates or categories."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from jaxflow.data.reading.category_names import category_names
from jaxflow.data.tables.dates import (
    DATE_LIKE,
    TIME_LIKE,
    WITH_OFFSET,
    are_compact,
    find_date_formats,
    likely_formats,
    read_date,
)
from jaxflow.data.tables.numbers import NUMBER_LIKE, PLAIN, NumberFormat, candidates, choose_format, find_formats
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

T = TypeVar("T")
logger = logging.getLogger("jaxflow")

Kind = Literal["number", "date", "category", "empty"]
# How a column's cells are written: numbers, or dates as in datetime.strptime, "" for ISO 8601 and for other texts.
Form = NumberFormat | str
# Fraction of the values of one type from which on a column is of that type, and the others are mistakes.
MOSTLY = 0.9
# Cells by which the format is chosen that most of a column may have.
SAMPLE = 200
COMPACT = "%Y%m%d"


def infer_column_type(table: RawTable, name: str, rows: np.ndarray) -> Kind:
    """Infers the type of a column.

    Args:
      table: the table.
      name: the column.
      rows: indices of the rows that decide.

    Returns:
      "number" (booleans too), "date", "category" for any other text and for codes such as 007, "empty" where all are
      missing.

    Raises:
      UserError: most values are numbers, or dates, and others are not.
    """
    present = rows[~table.missing(name)[rows]]
    if len(present) == 0:
        return "empty"
    plain = table.numbers(name)
    if plain is not None and table.has_codes(name, present):
        return "category"
    if plain is not None:
        return "date" if are_compact(plain[present]) else "number"
    cells, dialect = table[name][present], table.dialect
    counts = Counter(cells)
    if find_formats(counts, dialect.decimal, dialect.thousands):
        return "number"
    if find_date_formats(counts):
        return "date"
    sample = Counter(cells[:SAMPLE])
    number_reads = [form.read for form in candidates(sample, dialect.decimal, dialect.thousands)]
    date_reads = [partial(read_date, form=form) for form in likely_formats(list(sample.elements()))]
    for kind, reads in (("number", number_reads), ("date", date_reads)):
        best = min(reads, key=lambda read: sum(sample[cell] for cell in _unreadable(sample, read)))
        wrong = _unreadable(counts, best)
        others = sum(counts[value] for value in wrong)
        if len(cells) - others > MOSTLY * len(cells):
            first = next(index for index, value in enumerate(cells) if value in wrong)
            raise UserError(
                f"column {name} holds {len(cells) - others} {kind}s and {others} other values, first {cells[first]!r} "
                f"in {table.row_name(present[first])}; correct them, name them in data.missing_also, or list the "
                "column in data.columns or data.drop"
            )
    return "category"


def find_form(table: RawTable, name: str, kind: Kind, rows: np.ndarray) -> Form:
    """Finds how the numbers or dates of a column are written.

    Args:
      table: the table.
      name: the column.
      kind: its type, from `infer_column_type`.
      rows: indices of the rows that decide.

    Returns:
      What `parse_column` takes.

    Raises:
      UserError: dates may be read in several ways.
    """
    present = rows[~table.missing(name)[rows]]
    plain = table.numbers(name)
    if kind == "number":
        thousands = table.dialect.decimal == "," or table.has_grouped_digits(name, present)
        return PLAIN if plain is not None and not thousands else _number_form(table, name, present)
    if kind != "date" or len(present) == 0:
        return ""
    if plain is not None and are_compact(plain[present]):
        return COMPACT
    forms = find_date_formats(set(table[name][present]))
    if len(forms) > 1:
        first = table[name][present[:1]][0]
        raise UserError(
            f"column {name} holds dates such as {first!r}, which may be {' or '.join(forms)}; say which it is: "
            f"data.columns=(Date({name!r}, format={forms[0]!r}),)"
        )
    return forms[0] if forms else ""


def report_form(table: RawTable, name: str, form: Form, rows: np.ndarray) -> None:
    """Logs how the cells of a column are read, if these are no plain numbers and no dates as in ISO 8601."""
    if form in ("", PLAIN):
        return
    cells = [cell for cell in table[name][rows] if cell is not None]
    if isinstance(form, str):
        logger.info(
            f"column {name}: {cells[0]!r} is read as a date, {form} (Number({name!r}) or Date({name!r}) set it)"
        )
        return
    example = next((cell for cell in cells if _attempt(PLAIN.read, cell) != _attempt(form.read, cell)), None)
    if example is not None and (number := _attempt(form.read, example)) is not None:
        logger.info(f"column {name}: {example!r} is read as {number:.15g} ({form.describe()})")


def _number_form(table: RawTable, name: str, rows: np.ndarray) -> NumberFormat:
    """Finds how the numbers of a column are written; PLAIN where they are none."""
    dialect, cells = table.dialect, set(table[name][rows])
    formats = find_formats(cells, dialect.decimal, dialect.thousands)
    if len(formats) < 2:
        return formats[0] if formats else PLAIN
    comma = dialect.delimiter == ";" and any("," in str(cell) for cell in cells)
    return choose_format(formats, comma or table.has_decimal_commas)


def parse_column(
    table: RawTable, name: str, kind: Kind, form: Form | None = None, rows: np.ndarray | slice = slice(None)
) -> np.ndarray:
    """Parses the cells of a column as its type.

    Args:
      table: the table.
      name: the column.
      kind: the type, from `infer_column_type`.
      form: how numbers or dates are written, from `find_form`; None finds it in this table.
      rows: indices of the rows that are parsed, which alone say what categories are called.

    Returns:
      (rows,) float64, NaN where missing, infinite or too large for float32; or datetime64[s], NaT where missing; or
      strings, None where missing.

    Raises:
      UserError: a value is not of the type; it is named, and its row.
    """
    if form is None:
        form = find_form(table, name, kind, np.arange(table.rows))
        if table.first == 0:  # once for all blocks
            report_form(table, name, form, np.arange(table.rows))
    plain = isinstance(form, str) or form in (PLAIN, NumberFormat(thousands=","))  # written without a comma, alike
    if kind == "number" and plain and (numbers := table.numbers(name)) is not None:
        return _finite(numbers[rows])
    values = table[name][rows]
    known = set(values) - {None}
    if kind not in ("number", "date"):
        names = category_names(known)
        return np.array([None if value is None else names[value] for value in values], object)
    reads: Callable = partial(read_date, form=form if isinstance(form, str) else "")
    if kind == "number":
        reads = form.read if isinstance(form, NumberFormat) else PLAIN.read
    meanings = {value: _attempt(reads, value) for value in known}
    wrong = next((row for row, value in enumerate(values) if value is not None and meanings[value] is None), None)
    if wrong is not None:
        how = f" ({form.describe()})" if kind == "number" and isinstance(form, NumberFormat) and form != PLAIN else ""
        where = table.row_name(np.arange(table.rows)[rows][wrong])
        raise UserError(
            f"column {name} holds {kind}s{how}, but {values[wrong]!r} in {where}; correct it, or leave it empty"
        )
    if kind == "date" and form == "":
        _check_offsets(table, name, values, rows)
    meanings[None] = np.nan if kind == "number" else np.datetime64("NaT", "s")
    parsed = np.array([meanings[value] for value in values])
    return _finite(parsed) if kind == "number" else parsed


def _check_offsets(table: RawTable, name: str, cells: np.ndarray, rows: np.ndarray | slice) -> None:
    """Raises UserError if some dates have an offset from UTC, and others do not."""
    first: dict[bool, int] = {}
    offsets = {cell: WITH_OFFSET.fullmatch(cell) is not None for cell in set(cells) if isinstance(cell, str)}
    for row, cell in zip(np.arange(table.rows)[rows], cells):
        if cell in offsets:
            first.setdefault(offsets[cell], row)
    if len(first) > 1:
        one, other = (f"{table[name][row]!r} in {table.row_name(row)}" for row in sorted(first.values()))
        raise UserError(
            f"column {name} holds dates with an offset from UTC and without, {one} and {other}; write all in one way"
        )


def guess(table: RawTable, name: str, rows: np.ndarray) -> str:
    """Returns what a column of texts looks like, for messages: "numbers", "dates", "times of day" or ""."""
    cells = [str(cell).strip() for cell in table[name][rows] if cell is not None][:1000]
    for what, pattern in (("dates", DATE_LIKE), ("times of day", TIME_LIKE), ("numbers", NUMBER_LIKE)):
        if sum(pattern.fullmatch(cell) is not None for cell in cells) > 0.5 * len(cells):
            return what
    return ""


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Replaces numbers that float32 cannot hold by NaN, which is missing."""
    return np.where(np.abs(numbers) > np.finfo(np.float32).max, np.nan, numbers)


def _attempt(read: Callable[[object], T], value: object) -> T | None:
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        return None


def _unreadable(counts: Counter, read: Callable[[object], object]) -> set[object]:
    return {value for value in counts if _attempt(read, value) is None}
