"""Dates: how cells are read as such, and their phases in the year, the week and the day.

Tables, series and splits by time read them here. A format is one of datetime.strptime, with %q for a quarter, a unit of
EPOCH for counts since 1970, or empty for ISO 8601. A year of two digits is what POSIX takes it for: from 69 on of the
last century, 00 to 68 of this one.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from jaxflow.errors import UserError

# Seconds of each cycle that a date has a phase in.
PERIODS = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}
# A month in ISO 8601.
ISO_MONTH = re.compile(r"(\d{4})-(\d\d)")
FIRST_YEAR, LAST_YEAR = 1900, 2100
# Digits of dates that are written as these alone and do not begin with a year of four.
DIGITS = {"%d%m%Y": 8, "%m%d%Y": 8, "%y%m%d": 6, "%d%m%y": 6, "%m%d%y": 6, "%Y%j": 7}
# Ticks of a second, by what they are called.
EPOCH = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Seconds since 1970, from 1973 to 2100, that numbers are taken for: in no two units of EPOCH are they the same.
FIRST_SECOND, LAST_SECOND = 10**8, 4_133_980_799
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE]\+?\d{1,2})?")
# A moment in ISO 8601 with its offset from UTC.
WITH_OFFSET = re.compile(r".*\d[T :]\d.*(Z|z|[+-]\d\d(:?\d\d)?)\s*")


def read_date(cell: object, form: str = "") -> np.datetime64:
    """Reads a cell as a moment of universal time, in seconds.

    Args:
      cell: a text, a date of Parquet, or a whole number: such as 20240131 where `form` says so, else seconds.
      form: as in datetime.strptime, or a unit of EPOCH; empty for ISO 8601.

    Raises:
      ValueError: it is no date, or not in this format.
      TypeError: it is something else.
    """
    if isinstance(cell, date):
        return np.datetime64(cell, "s")
    if form in EPOCH:
        return read_ticks(str(cell), form).astype("datetime64[s]")
    if form and not isinstance(cell, str):
        cell = str(int(cell)) if float(cell).is_integer() else str(cell)  # type: ignore[arg-type]
    if isinstance(cell, int) and not FIRST_SECOND <= abs(cell) <= LAST_SECOND:
        raise ValueError(f"{cell} may be a day, or be in seconds or milliseconds")
    if not isinstance(cell, str):
        return np.datetime64(cell, "s")  # type: ignore[call-overload]
    text = cell.strip()
    if not form and ISO_MONTH.fullmatch(text):
        return np.datetime64(text, "s")
    moment = parse_moment(text, form) if form else datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is None else moment.astimezone(UTC)  # as Parquet's are
    return np.datetime64(moment.replace(tzinfo=None), "s")


def parse_moment(text: str, form: str) -> datetime:
    """Reads a text as datetime.strptime does, and %q as the quarter of a year, which is its first month.

    Digits that numbers have lost zeros before, 1022015 for 01022015, have them again.

    Raises:
      ValueError: it is not in this format.
    """
    text = text.zfill(DIGITS[form]) if form in DIGITS and text.isdecimal() else text
    if "%q" not in form:
        return datetime.strptime(text, form)
    quarter = datetime.strptime(text, form.replace("%q", "%m"))
    if quarter.month > 4:
        raise ValueError(f"{text!r} has no quarter from 1 to 4")
    return quarter.replace(month=3 * quarter.month - 2)


def check_format(form: str, field: str) -> None:
    """Raises UserError if no date can be written in a format; what is no text is left to the check of fields.

    Args:
      form: as in datetime.strptime, with %q for a quarter; empty for ISO 8601.
      field: what it is the value of, for the error.
    """
    if isinstance(form, str) and form and "%" not in form and form not in EPOCH:
        raise UserError(f"{field} is {form!r}; it is a format of datetime.strptime, such as '%d/%m/%Y'")
    try:
        parse_moment("", form if isinstance(form, str) else "")
    except (ValueError, re.error) as error:
        if "does not match" not in str(error):  # as the empty text never does
            raise UserError(f"{field} is {form!r}: {error}") from error


def tell_century(form: str, moments: np.ndarray) -> str:
    """Returns what is to be said of years of two digits where some of (rows,) datetime64 are to come; else ""."""
    known = moments[~np.isnat(moments)] if "%y" in form else moments[:0]
    if len(known) == 0 or known.max() <= np.datetime64("now"):
        return ""
    return (
        f"of two digits, years from 69 on are of 19.., and 00 to 68 of 20..: the last date is {str(known.max())[:10]}, "
        "which is to come; where it is not, write years with four digits"
    )


def read_ticks(text: str, unit: str) -> np.datetime64:
    """Reads a number of ticks since 1970, of a unit of EPOCH: a moment in the coarsest unit that holds it.

    Raises:
      ValueError: it is no number, or a moment that is none of these four centuries.
    """
    number = Decimal(text.strip()) if NUMBER.fullmatch(text.strip()) else None
    if number is None or abs(number) > LAST_SECOND * EPOCH[unit]:
        raise ValueError(f"{text!r} is no number of {unit} since 1970")
    for coarsest, ticks in EPOCH.items():
        if number * ticks % EPOCH[unit] == 0:
            return np.datetime64(int(number * ticks / EPOCH[unit]), coarsest)
    return np.datetime64(round(number * EPOCH["ns"] / EPOCH[unit]), "ns")


def find_epoch_unit(numbers: np.ndarray) -> str:
    """Returns the unit of EPOCH in which (rows,) numbers are moments from 1973 to 2100; empty where there is none."""
    if len(numbers) == 0 or not np.isfinite(numbers).all():
        return ""
    low, high = numbers.min(), numbers.max()
    fitting = [unit for unit, ticks in EPOCH.items() if FIRST_SECOND * ticks <= low and high <= LAST_SECOND * ticks]
    return fitting[0] if fitting else ""


def from_epoch(numbers: np.ndarray, unit: str) -> np.ndarray:
    """Converts (rows,) float64 ticks since 1970 to datetime64 in their unit, of fractions in a finer one."""
    finer = {"s": "us", "ms": "ns"}.get(unit, unit) if (numbers % 1 != 0).any() else unit
    return np.round(numbers * (EPOCH[finer] // EPOCH[unit])).astype(np.int64).astype(f"datetime64[{finer}]")


def is_date(cell: object, form: str = "") -> bool:
    """Returns whether `read_date` reads a cell."""
    try:
        read_date(cell, form)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def epoch_seconds(values: np.ndarray) -> np.ndarray:
    """Computes the seconds since 1970 of (rows,) datetime64[s]: float64, NaN where missing."""
    seconds = values.astype("datetime64[s]").astype(np.float64)
    return np.where(np.isnat(values), np.nan, seconds)


def cyclic_phase(seconds: np.ndarray, period: str) -> np.ndarray:
    """Computes the phase of moments in a period of PERIODS, in [0, 1)."""
    return seconds / PERIODS[period] % 1
