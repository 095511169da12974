"""Cells of a table, read as what their column holds: numbers, dates or categories."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from jaxflow.data.date_formats import (
    are_seasons,
    find_compact_format,
    find_date_formats,
    likely_formats,
)
from jaxflow.data.dates import WITH_OFFSET, read_date
from jaxflow.data.numbers import (
    PLAIN,
    NumberFormat,
    candidates,
    find_formats,
    is_word,
    mix_words,
    read_answer,
)
from jaxflow.data.reading.category_names import category_names
from jaxflow.data.tables.forms import Form, Kind, find_form, month_form, read_or_none, reader_of, report_form
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError

T = TypeVar("T")
logger = logging.getLogger("jaxflow")

# Fraction of the values of one type from which on a column is of that type, and the others are mistakes.
MOSTLY = 0.9
# What keeps a column whose values are not all of its type.
KEEP = "list the column in data.columns or data.drop"
# Cells by which the format is chosen that most of a column may have.
SAMPLE = 200


def infer_column_type(table: RawTable, name: str, rows: np.ndarray, keep: str = KEEP) -> Kind:
    """Infers the type of a column.

    Args:
      table: the table.
      name: the column.
      rows: indices of the rows that decide.
      keep: what takes all values for texts, for the error.

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
        return "date" if find_compact_format(plain[present]) or month_form(table, name, present) else "number"
    cells, dialect = table[name][present], table.dialect
    counts = Counter(cells)
    if find_formats(counts, dialect.decimal, dialect.thousands):
        return "number"
    if are_seasons(counts):
        return "category"
    if find_date_formats(counts):
        return "date"
    sample = Counter(cells[:SAMPLE])
    number_reads = [form.read_figure for form in candidates(sample, dialect.decimal, dialect.thousands)]
    number_reads.append(read_answer)
    date_reads = [partial(read_date, form=form) for form in likely_formats(list(sample.elements()))]
    for kind, reads in (("number", number_reads), ("date", date_reads)):
        best = min(reads, key=lambda read: sum(sample[cell] for cell in _unreadable(sample, read)))
        wrong = _unreadable(counts, best)
        others = sum(counts[value] for value in wrong)
        if len(cells) - others > MOSTLY * len(cells):
            first = next(index for index, value in enumerate(cells) if value in wrong)
            raise UserError(
                f"column {name} holds {len(cells) - others} {kind}s and {others} other values, first {cells[first]!r} "
                f"in {table.row_name(present[first])}; correct them, name them in data.missing_also, or {keep}"
            )
    return "category"


def parse_column(
    table: RawTable,
    name: str,
    kind: Kind,
    form: Form | None = None,
    rows: np.ndarray | slice = slice(None),
    advice: str = "correct it, or leave it empty",
) -> np.ndarray:
    """Parses the cells of a column as its type.

    Args:
      table: the table.
      name: the column.
      kind: the type, from `infer_column_type`.
      form: how numbers or dates are written, from `find_form`; None finds it in this table.
      rows: indices of the rows that are parsed, which alone say what categories are called.
      advice: what to do with a cell that is not of the type.

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
    reads = reader_of(kind, form)
    meanings = {value: read_or_none(reads, value) for value in known}
    if kind == "number" and mix_words(known, meanings.values()):
        meanings |= {value: None for value in known if is_word(value)}  # the first is named
    wrong = next((row for row, value in enumerate(values) if value is not None and meanings[value] is None), None)
    if wrong is not None:
        how = f" ({form.describe()})" if kind == "number" and isinstance(form, NumberFormat) and form != PLAIN else ""
        where = f"{values[wrong]!r} in {table.row_name(np.arange(table.rows)[rows][wrong])}"
        how = f" ({form})" if isinstance(form, str) and form else how
        others = (
            ", and no other cell is one"
            if len(meanings) > 1 and all(meaning is None for meaning in meanings.values())
            else ""
        )
        raise UserError(f"column {name} holds {kind}s{how}, but {where}{others}; {advice}")
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


def _finite(numbers: np.ndarray) -> np.ndarray:
    """Replaces numbers that float32 cannot hold by NaN, which is missing."""
    return np.where(np.abs(numbers) > np.finfo(np.float32).max, np.nan, numbers)


def _unreadable(counts: Counter, read: Callable[[object], object]) -> set[object]:
    return {value for value in counts if read_or_none(read, value) is None}
