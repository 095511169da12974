"""Dates: how those of a column are written, and their phases in the year, the week and the day."""

import itertools
import re
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime

import numpy as np

DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%b %d %Y", "%d. %B %Y", "%d/%b/%Y",
)  # fmt: skip
TIMES = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M %p",
    " %I:%M:%S %p",
    "T%H:%M:%S",
    ":%H:%M:%S",
    ":%H:%M:%S %z",
)
FORMATS = tuple(day + time for time, day in itertools.product(TIMES, DAYS))
# Seconds of each cycle that a date has a phase in.
PERIODS = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}
# What looks like a date: day, month and year in some order, and what follows.
DATE_LIKE = re.compile(
    r"\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/., ]+\d{1,4}(\D.*)?|[A-Za-z]{3,9} \d{1,2},? \d{4}(\D.*)?"
)
TIME_LIKE = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?")
# Whole numbers that may be days, such as 20240131.
FIRST_COMPACT, LAST_COMPACT = 1900_01_01, 2100_12_31
# Whole numbers that can only be seconds since 1970, to 2100: fewer may be days such as 20240131, more milliseconds.
FIRST_SECOND, LAST_SECOND = 10**8, 4_133_980_799
# A moment in ISO 8601 with its offset from UTC.
WITH_OFFSET = re.compile(r".*\d[T :]\d.*(Z|z|[+-]\d\d(:?\d\d)?)\s*")


def read_date(cell: object, form: str = "") -> np.datetime64:
    """Reads a cell as a moment of universal time, in seconds.

    Args:
      cell: a text, a date of Parquet, or a whole number: such as 20240131 where `form` says so, else seconds.
      form: as in datetime.strptime; empty for ISO 8601.

    Raises:
      ValueError: it is no date, or not in this format.
      TypeError: it is something else.
    """
    if isinstance(cell, date):
        return np.datetime64(cell, "s")
    if form and not isinstance(cell, str):
        cell = str(int(cell)) if float(cell).is_integer() else str(cell)  # type: ignore[arg-type]
    if isinstance(cell, int) and not FIRST_SECOND <= abs(cell) <= LAST_SECOND:
        raise ValueError(f"{cell} may be a day, or be in seconds or milliseconds")
    if not isinstance(cell, str):
        return np.datetime64(cell, "s")  # type: ignore[call-overload]
    text = cell.strip()
    moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is None else moment.astimezone(UTC)  # as Parquet's are
    return np.datetime64(moment.replace(tzinfo=None), "s")


def find_date_formats(cells: Collection[object]) -> list[str]:
    """Returns the formats in which all cells are dates, but those that read the same.

    Args:
      cells: different cells of a column, none missing.

    Returns:
      "" among them for ISO 8601; several where days and months can be told apart by nothing.
    """
    found: dict[tuple[np.datetime64, ...], str] = {}
    for form in ("", *FORMATS):
        try:
            found.setdefault(tuple(read_date(cell, form) for cell in cells), form)
        except (ValueError, TypeError, OverflowError):
            continue
        if not form:
            break  # ISO 8601 means one thing
    return list(found.values())


def likely_formats(cells: Iterable[object]) -> tuple[str, ...]:
    """Returns the formats that are tried where some cells are no dates: all if most look like dates, else ISO 8601."""
    texts = [str(cell).strip() for cell in cells]
    return ("", *FORMATS) if sum(map(bool, map(DATE_LIKE.fullmatch, texts))) > 0.5 * len(texts) else ("",)


def are_compact(numbers: np.ndarray) -> bool:
    """Returns whether (rows,) whole numbers are all days as in 20240131."""
    if (
        len(numbers) == 0
        or not np.isfinite(numbers).all()
        or ((numbers < FIRST_COMPACT) | (numbers > LAST_COMPACT) | (numbers % 1 != 0)).any()
    ):
        return False
    return find_date_formats([str(int(number)) for number in np.unique(numbers)]) != []


def epoch_seconds(values: np.ndarray) -> np.ndarray:
    """Computes the seconds since 1970 of (rows,) datetime64[s]: float64, NaN where missing."""
    seconds = values.astype("datetime64[s]").astype(np.float64)
    return np.where(np.isnat(values), np.nan, seconds)


def cyclic_phase(seconds: np.ndarray, period: str) -> np.ndarray:
    """Computes the phase of moments in a period of PERIODS, in [0, 1)."""
    return seconds / PERIODS[period] % 1
