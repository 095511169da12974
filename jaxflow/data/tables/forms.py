"""How the numbers and dates of a table's column are written: found, said, and how a cell of them is read."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from jaxflow.data.date_formats import (
    DECIMAL_MONTHS,
    find_compact_format,
    find_date_formats,
    find_month_format,
)
from jaxflow.data.dates import find_epoch_unit, is_date, read_date, tell_century
from jaxflow.data.numbers import (
    PLAIN,
    NumberFormat,
    choose_format,
    find_formats,
)
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError

T = TypeVar("T")
logger = logging.getLogger("jaxflow")

Kind = Literal["number", "date", "category", "empty"]
# How a column's cells are written: numbers, or dates as in datetime.strptime, "" for ISO 8601 and for other texts.
Form = NumberFormat | str


def find_form(table: RawTable, name: str, kind: Kind, rows: np.ndarray, setting: str = "") -> Form:
    """Finds how the numbers or dates of a column are written.

    Args:
      table: the table.
      name: the column.
      kind: its type, from `infer_column_type`.
      rows: indices of the rows that decide.
      setting: the field that says how this column is written; empty where it is a Date of data.columns.

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
    if plain is not None and (form := find_compact_format(plain[present]) or find_epoch_unit(plain[present])):
        return form
    if plain is not None and (form := month_form(table, name, present)):
        return form
    forms = find_date_formats(set(table[name][present]))
    if len(forms) > 1:
        first = table[name][present[:1]][0]
        ways = f"data.columns=({' or '.join(f'Date({name!r}, format={form!r})' for form in forms)},)"
        ways = f"{setting}={' or '.join(map(repr, forms))}" if setting else ways
        raise UserError(
            f"column {name} holds dates such as {first!r}, which may be {' or '.join(forms)}; say which it is: {ways}"
        )
    return forms[0] if forms else ""


def month_form(table: RawTable, name: str, rows: np.ndarray) -> str:
    """Returns how a column is written whose cells are months and numbers, 01.2019; empty for any other."""
    first = table.column(name).take(rows[:1]).to_pylist() if table.holds_texts(name) else []
    may_be = any(is_date(cell, form) for cell in first for form in DECIMAL_MONTHS)
    return find_month_format(set(table[name][rows])) if may_be else ""


def report_form(table: RawTable, name: str, form: Form, rows: np.ndarray, setting: str = "") -> None:
    """Logs how the cells of a column are read, if these are no plain numbers and no dates as in ISO 8601.

    Args:
      table: the table.
      name: the column.
      form: how it is written, from `find_form`.
      rows: indices of the rows that decide.
      setting: as in `find_form`.
    """
    if form in ("", PLAIN):
        return
    cells = [cell for cell in table[name][rows] if cell is not None]
    if isinstance(form, str):
        if cells and read_or_none(partial(read_date, form=form), cells[0]) is None:
            return  # `parse_column` raises
        setting = setting or f"Number({name!r}) or Date({name!r})"
        logger.info(f"column {name}: {cells[0]!r} is read as a date, {form} ({setting} sets it)")
        if "%y" in form and (century := tell_century(form, np.array([read_date(cell, form) for cell in set(cells)]))):
            logger.warning(f"column {name}: {century}")
        return
    example = next((cell for cell in cells if read_or_none(PLAIN.read, cell) != read_or_none(form.read, cell)), None)
    if example is not None and (number := read_or_none(form.read, example)) is not None:
        logger.info(f"column {name}: {example!r} is read as {number:.15g} ({form.describe()})")


def _number_form(table: RawTable, name: str, rows: np.ndarray) -> NumberFormat:
    """Finds how the numbers of a column are written; PLAIN where they are none."""
    dialect, cells = table.dialect, set(table[name][rows])
    formats = find_formats(cells, dialect.decimal, dialect.thousands)
    if len(formats) < 2:
        return formats[0] if formats else PLAIN
    comma = dialect.delimiter == ";" and any("," in str(cell) for cell in cells)
    return choose_format(formats, comma or table.has_decimal_commas)


def reader_of(kind: Kind, form: Form) -> Callable[[object], object]:
    """Returns what reads a cell of numbers or dates; it raises for one that is no such."""
    if kind == "number":
        return form.read if isinstance(form, NumberFormat) else PLAIN.read
    return partial(read_date, form=form if isinstance(form, str) else "")


def read_or_none(read: Callable[[object], T], value: object) -> T | None:
    """Returns what is read of a cell; None where that raises."""
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError):
        return None
