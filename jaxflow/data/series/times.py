"""The times of a table's rows, in whatever way files write them."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

import numpy as np

from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

ISO_8601 = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")
WITH_CLOCK = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d.*")
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?: (\d{1,2}:\d\d(:\d\d)?))?")
YEAR_FIRST = re.compile(r"\d{4}/\d{1,2}/\d{1,2}(?: (\d{1,2}:\d\d(:\d\d)?))?")
# Columns of whole numbers that a time is divided into, in this order.
PARTS = ("%Y", "%m", "%d", "%H", "%M", "%S")
# What `data.time_format` may be beside a format of strptime: seconds and milliseconds since 1970, or numbered rows.
SECONDS, MILLISECONDS, COUNT = "s", "ms", "count"
WAYS = (
    "times are written as 1981-01-31 or 1981-01-31T12:30; or set data.time_format, for example '%d/%m/%Y %H:%M', 's' "
    "for seconds since 1970 or 'count' for numbered rows"
)

Cell = str | date | None


def read_times(raw: RawTable, columns: Sequence[str], form: str) -> tuple[np.ndarray, str]:
    """Reads the times of a table's rows.

    Args:
      raw: the table.
      columns: the columns of times; of several, the cells of a row are joined by spaces.
      form: how they are written, as `Series.time_format`; empty to infer it.

    Returns:
      (rows,) datetime64, in UTC where they have an offset, or int64 where rows are numbered; and how they are written.

    Raises:
      UserError: a cell is no time, it is named; or it may be two times.
    """
    name = " and ".join(columns)
    cells = np.concatenate([_cells(block, columns) for block in raw.blocks()])
    form = form or _infer(cells, name, several=len(columns) > 1)
    times = []
    for row, cell in enumerate(cells):
        try:
            times.append(_time(cell, form))
        except (ValueError, TypeError, OverflowError):
            raise UserError(f"column {name} holds {cell!r} in {raw.row_name(row)}; {WAYS}") from None
    zones = {zone for _, zone in times}
    if len(zones) > 1:
        row = [zone for _, zone in times].index(not times[0][1])
        raise UserError(
            f"column {name} holds times with an offset from UTC and without, {cells[0]!r} in {raw.row_name(0)} and "
            f"{cells[row]!r} in {raw.row_name(row)}; write all in one way"
        )
    if True in zones:
        logger.info(f"column {name} holds times with an offset from UTC: they are converted to UTC")
    moments = [moment for moment, _ in times]
    return np.array(moments, np.int64 if form == COUNT else None), form


def _cells(block: RawTable, columns: Sequence[str]) -> np.ndarray:
    """Returns what is written of each row's time, (rows,) objects."""
    parts = [block[column] for column in columns]
    if len(parts) == 1:
        return parts[0]
    joined = [None if None in row else " ".join(map(_text, row)) for row in zip(*parts)]
    return np.array(joined, object)


def _text(part: object) -> str:
    return str(int(part)) if isinstance(part, float) and part.is_integer() else str(part).strip()


def _infer(cells: np.ndarray, name: str, several: bool) -> str:
    """Infers how times are written: a format of strptime, SECONDS, MILLISECONDS, COUNT, or empty for ISO 8601."""
    texts = [_text(cell) for cell in cells if cell is not None and not isinstance(cell, date)]
    if not texts:
        return ""
    if several and all(re.fullmatch(r"\d+( \d+)+", text) for text in texts):
        return " ".join(PARTS[: texts[0].count(" ") + 1])
    if all(re.fullmatch(r"-?\d+(\.\d+)?", text) for text in texts):
        return _infer_number(texts)
    for pattern in (DAY_OR_MONTH_FIRST, YEAR_FIRST):
        found = [pattern.fullmatch(text) for text in texts]
        if all(found):
            clock = {match.groups()[-2:] for match in found}
            end = " %H:%M:%S" if any(second for _, second in clock) else " %H:%M" if clock != {(None, None)} else ""
            return ("%Y/%m/%d" if pattern is YEAR_FIRST else _infer_first(found, name)) + end
    return ""


def _infer_number(texts: Sequence[str]) -> str:
    digits = {len(text.partition(".")[0]) for text in texts}
    whole = all(text.isdigit() for text in texts)
    if whole and digits == {4}:
        return ""  # years
    for length, form in ((8, "%Y%m%d"), (6, "%Y%m")):
        if whole and digits == {length} and all(_is_date(text, form) for text in texts):
            return form
    if digits <= {9, 10}:
        return SECONDS
    return MILLISECONDS if digits <= {12, 13} else COUNT


def _is_date(text: str, form: str) -> bool:
    try:
        return 1800 <= datetime.strptime(text, form).year <= 2200
    except ValueError:
        return False


def _infer_first(found: Sequence[re.Match | None], name: str) -> str:
    """Infers whether the day or the month comes first: days reach 31."""
    matches = [match for match in found if match]
    first, second = (max(int(match.group(place)) for match in matches) for place in (1, 3))
    mark = matches[0].group(2)
    if first <= 12 and second <= 12 and mark != ".":
        raise UserError(
            f"column {name} holds {matches[0].group()!r} and the like, which may begin with the day or the month; set "
            f"data.time_format: '%d{mark}%m{mark}%Y', or '%m{mark}%d{mark}%Y', with ' %H:%M' where there is a clock"
        )
    return f"%m{mark}%d{mark}%Y" if second > 12 else f"%d{mark}%m{mark}%Y"


def _time(cell: Cell, form: str) -> tuple[np.datetime64 | int, bool]:
    """Returns a moment, and whether it was written with an offset from UTC."""
    if cell is None:
        raise ValueError("no time")
    if isinstance(cell, date) and form in ("", COUNT, SECONDS, MILLISECONDS):  # from Parquet
        return np.datetime64(cell), False
    text = _text(cell)
    if form == COUNT:
        return int(text), False
    if form in (SECONDS, MILLISECONDS):
        ticks = float(text) * (1 if form == SECONDS else 1e-3)
        whole = ticks.is_integer()
        return np.datetime64(int(ticks), "s") if whole else np.datetime64(round(ticks * 1e6), "us"), False
    if form:
        moment = datetime.strptime(text, form)
        return _without_zone(moment, _unit(form))
    if ISO_8601.fullmatch(text):
        return np.datetime64(text), False
    if not WITH_CLOCK.fullmatch(text):  # NumPy and Python would take more: "now", weeks
        raise ValueError(text)
    return _without_zone(datetime.fromisoformat(text), "us" if "." in text else "s")


def _without_zone(moment: datetime, unit: str) -> tuple[np.datetime64, bool]:
    if moment.tzinfo is None:
        return np.datetime64(moment, unit), False
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), unit), True


def _unit(form: str) -> str:
    """Returns the coarsest unit of NumPy that a format of strptime needs."""
    units = (("us", "f"), ("s", "HMSIpXcTs"), ("D", "djaAwUWxD"), ("M", "mbB"))
    directives = set(re.findall(r"%(.)", form))
    return next((unit for unit, letters in units if directives & set(letters)), "Y")
