"""The times of a table's rows, in whatever way files write them."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from jaxflow.data.date_formats import (
    are_even,
    find_compact_format,
    find_date_formats,
    find_digit_formats,
    find_month_format,
    nearest_format,
)
from jaxflow.data.dates import EPOCH, NUMBER, find_epoch_unit, parse_moment, read_ticks, tell_century
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

# Parts of moments in ISO 8601 beside days: NumPy's unit says how much of it is written.
ISO_8601 = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")
WEEK = re.compile(r"\d{4}-?W\d\d(-?[1-7])?")
WITH_CLOCK = re.compile(r"\d{4}-?\d\d-?\d\d[T :]\d\d.*")
# Columns of whole numbers that a time is divided into, in this order.
PARTS = ("%Y", "%m", "%d", "%H", "%M", "%S")
# What `data.time_format` may be beside what a date may: numbered rows. And months, which are no dates elsewhere.
COUNT, MONTHS = "count", "%Y%m"
# Cells by which a format is chosen that some lack.
SAMPLE = 200
WAYS = (
    "times are written as 1981-01-31, 1981-01-31T12:30, 1981-01, 1981Q1 or 1981-W05; or set data.time_format, for "
    "example '%d/%m/%Y %H:%M', 's' for seconds since 1970 or 'count' for numbered rows"
)

Cell = str | date


def read_times(raw: RawTable, columns: Sequence[str], form: str, path: Path) -> tuple[np.ndarray, str]:
    """Reads the times of a table's rows.

    Args:
      raw: the table.
      columns: the columns of times; of several, the cells of a row are joined by spaces.
      form: how they are written, as `Series.time_format`; empty to infer it.
      path: the table's, for messages.

    Returns:
      (rows,) datetime64, in UTC where they have an offset, or int64 where rows are numbered; and how they are written.

    Raises:
      UserError: a cell is empty or no time, it is named; or it may be two times.
    """
    name = " and ".join(columns)
    _check_filled(raw, columns, path)
    cells = np.concatenate([_cells(block, columns) for block in raw.blocks()])
    form = form or _infer(cells, name, several=len(columns) > 1)
    times = []
    for row, cell in enumerate(cells):
        try:
            times.append(_time(cell, form))
        except (ValueError, TypeError, OverflowError):
            where = raw.where(row, path)
            how = f" in {form!r}, the format of training, data.time_format or most times: write it so"
            how = how if form not in ("", COUNT, *EPOCH) else f"; {WAYS}"
            raise UserError(f"column {name} holds {cell!r} in {where}, which is no time{how}") from None
    zones = {zone for _, zone in times}
    if len(zones) > 1:
        row = [zone for _, zone in times].index(not times[0][1])
        raise UserError(
            f"column {name} holds times with an offset from UTC and without, {cells[0]!r} in {raw.where(0, path)} and "
            f"{cells[row]!r} in {raw.where(row, path)}; write all in one way"
        )
    if True in zones:
        logger.info(f"column {name} holds times with an offset from UTC: they are converted to UTC")
    moments = np.array([moment for moment, _ in times], np.int64 if form == COUNT else None)
    if century := tell_century(form, moments):
        logger.warning(f"{path}: times of column {name} are read as {form!r}; {century}")
    return moments, form


def _check_filled(raw: RawTable, columns: Sequence[str], path: Path) -> None:
    """Raises UserError if some rows have no time."""
    for name in columns:
        if (empty := raw.missing(name)).any():
            raise UserError(
                f"column {name} is empty in {raw.where(int(empty.argmax()), path)} ({empty.sum():,} of {raw.rows:,} "
                "rows), and each row of a series has a time; fill it in, or leave these rows out"
            )


def _cells(block: RawTable, columns: Sequence[str]) -> np.ndarray:
    """Returns what is written of each row's time, (rows,) objects."""
    parts = [block[column] for column in columns]
    if len(parts) == 1:
        return parts[0]
    return np.array([" ".join(map(_text, row)) for row in zip(*parts)], object)


def _text(part: object) -> str:
    return str(int(part)) if isinstance(part, float) and part.is_integer() else str(part).strip()


def _infer(cells: np.ndarray, name: str, several: bool) -> str:
    """Infers how times are written: a format of strptime, a unit of EPOCH, COUNT, or empty for ISO 8601."""
    texts = [_text(cell) for cell in cells if not isinstance(cell, date)]
    if not texts:
        return ""
    if several and all(re.fullmatch(r"\d+( \d+)+", text) for text in texts):
        return " ".join(PARTS[: texts[0].count(" ") + 1])
    if all(NUMBER.fullmatch(text) for text in texts):
        return find_month_format(set(texts)) or _infer_number(texts, name)
    if ISO_8601.fullmatch(texts[0]):
        return ""
    forms = find_date_formats(texts) or [nearest_format(texts[:SAMPLE])]  # then a cell that is none is named
    return _only(forms, texts[0], name)


def _only(forms: Sequence[str], text: str, name: str) -> str:
    """Returns the one format that times may have; raises UserError where there are several."""
    if len(forms) > 1:
        raise UserError(
            f"column {name} holds {text!r} and the like, which may be written in several ways; set "
            f"data.time_format: {' or '.join(map(repr, forms))}"
        )
    return forms[0]


def _infer_number(texts: Sequence[str], name: str) -> str:
    if all(re.fullmatch(r"\d{4}", text) for text in texts):
        return ""  # years
    digits = find_digit_formats(different := set(texts))
    if all(re.fullmatch(r"\d{6}", text) and _is_month(text) for text in texts):
        are_months = len({text[4:] for text in texts}) > 3 and are_even([_time(text, MONTHS)[0] for text in different])
        return MONTHS if are_months else _only([MONTHS, *digits], texts[0], name)
    numbers = np.array(texts, float)
    if form := find_compact_format(numbers) or find_epoch_unit(numbers):
        return form
    return _only([*digits, COUNT], texts[0], name)


def _is_month(text: str) -> bool:
    return 1800 <= int(text[:4]) <= 2200 and 1 <= int(text[4:]) <= 12


def _time(cell: Cell, form: str) -> tuple[np.datetime64 | int, bool]:
    """Returns a moment, and whether it was written with an offset from UTC."""
    if isinstance(cell, date) and form in ("", COUNT, *EPOCH):  # from Parquet
        return np.datetime64(cell), False
    text = _text(cell)
    if form == COUNT:
        return int(text), False
    if form in EPOCH:
        return read_ticks(text, form), False
    if form:
        return _without_zone(parse_moment(text, form), _unit(form))
    if ISO_8601.fullmatch(text):
        return np.datetime64(text), False
    if WEEK.fullmatch(text):
        return np.datetime64(date.fromisoformat(text)), False
    if not WITH_CLOCK.fullmatch(text):  # NumPy and Python would take more: "now"
        raise ValueError(text)
    return _without_zone(datetime.fromisoformat(text), "us" if "." in text else "s")


def _without_zone(moment: datetime, unit: str) -> tuple[np.datetime64, bool]:
    if moment.tzinfo is None:
        return np.datetime64(moment, unit), False
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), unit), True


def _unit(form: str) -> str:
    """Returns the coarsest unit of NumPy that a format of strptime needs."""
    units = (("us", "f"), ("s", "HMSIpXcTs"), ("D", "djaAwUWxD"), ("M", "mbBq"))
    directives = set(re.findall(r"%(.)", form))
    return next((unit for unit, letters in units if directives & set(letters)), "Y")
