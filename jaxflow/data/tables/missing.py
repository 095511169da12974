"""Cells that stand for a missing value: by their text, and by their value in the format of their column."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.date_formats import COMPACT, find_compact_format, find_date_formats
from jaxflow.data.dates import read_date
from jaxflow.data.numbers import PERCENT, PLAIN, NumberFormat, find_formats
from jaxflow.data.reading.category_names import MISSING, category_name
from jaxflow.data.tables.columns import Category, Date, Spec
from jaxflow.data.tables.forms import Form, find_form, read_or_none
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError, listed

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

logger = logging.getLogger("jaxflow")


def check_marks(field: str, marks: Sequence[str]) -> None:
    """Raises UserError if marks are no texts; the letters of one text would be marks themselves."""
    if isinstance(marks, str) or not all(isinstance(mark, str) for mark in marks):
        raise UserError(f"data.{field} is {marks!r}; it is a tuple of texts, for example ('-999',)")


def null_marks(column: "pyarrow.Array", marks: Sequence[str], found: set[str]) -> "pyarrow.Array":
    """Returns a column, null where a cell is a mark of what is missing.

    Args:
      column: cells of any type. Texts are compared as `category_name` has them, others by value.
      marks: what stands for a missing value.
      found: the marks that some cell is are added to it.
    """
    import pyarrow
    from pyarrow import compute

    comparable, values = _comparable(column, marks)
    if not values:
        return column
    missing = compute.is_in(comparable, pyarrow.array([value for _, value in values], comparable.type))
    held = set(compute.unique(comparable.filter(missing)).to_pylist())
    found |= {mark for mark, value in values if value in held}
    return compute.if_else(missing, pyarrow.scalar(None, column.type), column)


def _comparable(column: "pyarrow.Array", marks: Sequence[str]) -> tuple["pyarrow.Array", list[tuple[str, object]]]:
    """Returns the cells of a column in a type in which marks are compared, and (mark, value) for these."""
    import pyarrow
    from pyarrow import compute, types

    if types.is_string(column.type):
        trimmed, values = compute.utf8_trim_whitespace(column), [(mark, mark.strip()) for mark in marks]
        numbers = {name: mark for mark in marks if (name := category_name(mark))[-1:].isdigit()}
        if numbers:  # -999 is -999.0 too
            cells = [cell for cell in compute.unique(trimmed).to_pylist() if cell]
            values += [(numbers[name], cell) for cell in cells if (name := category_name(cell)) in numbers]
        return trimmed, values
    if any(of(column.type) for of in (types.is_integer, types.is_floating, types.is_decimal)):
        numbers = [(mark, read_or_none(PLAIN.read, mark)) for mark in marks if category_name(mark)[-1:].isdigit()]
        known = [(mark, number) for mark, number in numbers if number is not None]
        if types.is_floating(column.type):  # of fewer bits -999.9 is another number, which the mark is then too
            with np.errstate(over="ignore"):  # what they do not hold is infinite, as no mark is
                known = [(mark, float(column.type.to_pandas_dtype()(number))) for mark, number in known]
        return column.cast(pyarrow.float64(), safe=False), [each for each in known if np.isfinite(each[1])]
    if types.is_boolean(column.type):
        words = {"true": True, "false": False}
        return column, [(mark, words[word]) for mark in marks if (word := mark.strip().lower()) in words]
    if types.is_date(column.type) or types.is_timestamp(column.type):
        moments = [(mark, read_or_none(read_date, mark)) for mark in marks]
        known = [(mark, moment.item()) for mark, moment in moments if moment is not None]
        return column.cast(pyarrow.timestamp("s"), safe=False), known
    return column, []


def null_values(raw: RawTable, specs: Sequence[Spec] = (), forms: Mapping[str, Form | None] | None = None) -> RawTable:
    """Returns a table whose columns of numbers and dates are null where a cell is a mark in the column's format.

    So -999 is taken for what it is where it is written -999,0 or $-999, and 2020-01-01 where it is 01/01/2020.

    Args:
      raw: the table.
      specs: columns that are named; categories have no format.
      forms: the columns that are looked at, and how numbers or dates are written in each; None finds it, and in place
        of the whole looks at all columns.
    """
    marks = [mark for mark in raw.marks.texts if any(map(str.isdigit, mark))]
    named = {spec.name.strip(): spec for spec in specs}
    forms = dict.fromkeys(raw) if forms is None else forms
    spellings, found = {}, set(raw.marks.found)
    for name, form in forms.items() if marks else ():
        spec = named.get(name.strip())
        if name in raw and not isinstance(spec, Category):
            form = spec.format or form if isinstance(spec, Date) else form
            cells = _spellings(raw, name, marks, form)
            spellings |= {name.strip(): tuple(cells)} if cells else {}
            found |= set(cells.values())
    return replace(raw, marks=replace(raw.marks, spellings=spellings, found=frozenset(found)))


def _spellings(raw: RawTable, name: str, marks: Sequence[str], form: Form | None) -> dict[object, str]:
    """Returns the cells of a column of numbers or dates that are marks by their value: the mark of each."""
    plain, rows = raw.numbers(name), np.flatnonzero(~raw.missing(name))
    if plain is not None and (days := _digit_dates(plain[rows], marks, form)):
        return _cells_of(raw, name, plain, days)
    if not raw.holds_texts(name):
        return {}  # other values are compared as they are
    if plain is not None and form is None:
        grouped = raw.dialect.decimal == "," or raw.has_grouped_digits(name, rows)
        form = find_form(raw, name, "number", rows) if grouped else PLAIN
    elif form is None:
        form = _find_form(raw, name)
    if form is None:
        return {}
    if isinstance(form, str):
        dates = {moment: mark for mark in marks if (moment := read_or_none(read_date, mark)) is not None}
        read = partial(read_date, form=form)
        moments = {cell: read_or_none(read, cell) for cell in (raw.cells(name) if dates else ())}
        return {cell: dates[moment] for cell, moment in moments.items() if moment in dates}
    numbers = {number: mark for mark in marks if (number := _value(mark, form)) is not None}
    if plain is not None and form in (PLAIN, NumberFormat(thousands=",")):
        other = raw.has_codes(name, rows) or find_compact_format(plain[rows])
        return {} if other else _cells_of(raw, name, plain, numbers)
    values = {cell: _read_mark(cell, form) for cell in raw.cells(name)}
    return {cell: numbers[number] for cell, number in values.items() if number is not None and number in numbers}


def _digit_dates(plain: np.ndarray, marks: Sequence[str], form: Form | None) -> dict[float, str]:
    """Returns what marks are where a column holds dates of digits, 19000101 for 1900-01-01, and each one's mark.

    Args:
      plain: (rows,) the column, none missing.
      marks: what stands for a missing value.
      form: how the column is written; None finds it in what is no mark.
    """
    moments = {mark: moment for mark in marks if (moment := read_or_none(read_date, mark)) is not None}
    for each in COMPACT.values() if moments and (form is None or form in COMPACT.values()) else ():
        written = {mark: f"{moment.item():{each}}" for mark, moment in moments.items()}
        days = {float(text): mark for mark, text in written.items() if read_date(text, each) == moments[mark]}
        if form == each or (form is None and find_compact_format(plain[~np.isin(plain, list(days))]) == each):
            return days
    return {}


def _cells_of(raw: RawTable, name: str, plain: np.ndarray, numbers: Mapping[float, str]) -> dict[object, str]:
    """Returns the cells of a column that are some numbers, and the mark that each is."""
    found = np.flatnonzero(np.isin(plain, list(numbers)))
    return {cell: numbers[number] for cell, number in zip(raw.column(name).take(found).to_pylist(), plain[found])}


def _read_mark(cell: object, form: NumberFormat) -> float | None:
    """Returns the number that a cell is in a format, or with thousands or a unit that the format lacks, as marks may.

    Where a mark alone has them, the numbers without it show none: the format of -9.999,00 among 12,5 is that of 12,5.
    """
    number = read_or_none(form.read, cell)
    if number is not None or not isinstance(cell, str):
        return number
    formats = find_formats([cell], form.decimal, None)
    return next((each.read(cell) for each in formats if (each.unit == PERCENT) == (form.unit == PERCENT)), None)


def _value(mark: str, form: NumberFormat) -> float | None:
    """Returns the number that a mark is: as its column is written, else as numbers usually are."""
    number = read_or_none(form.read, mark)
    return read_or_none(PLAIN.read, mark) if number is None else number


def _find_form(raw: RawTable, name: str) -> Form | None:
    """Returns how a column is written whose cells are all numbers, not all plain, or all dates; None of any other."""
    cells = raw.cells(name)
    if find_formats(cells, raw.dialect.decimal, raw.dialect.thousands):
        return find_form(raw, name, "number", np.flatnonzero(~raw.missing(name)))
    dates = find_date_formats(cells)
    return dates[0] if len(dates) == 1 else None


def report_absent(raw: RawTable, marks: Sequence[str], path: str) -> None:
    """Logs which of the marks that a source lists are in no cell of its table, but for the usual ones."""
    absent = [mark for mark in marks if mark in raw.marks.texts and mark not in (*raw.marks.found, *MISSING)]
    if absent:
        logger.warning(f"data.missing_also lists {listed(map(repr, absent))}, which no cell of {path} holds")
