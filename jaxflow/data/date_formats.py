"""How the dates of a column are written: the formats that are tried, and those that fit all of its cells."""

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import numpy as np

from jaxflow.data.dates import DIGITS, FIRST_YEAR, ISO_MONTH, LAST_YEAR, is_date, read_date

DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y",
    "%B %d, %Y", "%b %d %Y", "%d. %B %Y", "%d/%b/%Y", "%Y-%m-%d", "%y/%m/%d", "%y-%m-%d", "%y.%m.%d",
    "%d-%B-%Y", "%d-%B-%y", "%d/%B/%Y", "%d%b%Y", "%d%b%y", "%b. %d, %Y", "%Y_%m_%d", "%a, %d %b %Y", "%A, %B %d, %Y",
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
# Months and quarters, which are the moments at which they begin.
MONTHS = (
    "%b %Y", "%B %Y", "%b-%Y", "%B-%Y", "%b/%Y", "%Y %b", "%Y %B", "%Y-%b", "%Y-%B", "%m/%Y", "%m-%Y", "%m.%Y", "%Y/%m",
    "%Y.%m", "%YM%m", "%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y", "%qQ%Y", "%qQ %Y",
)  # fmt: skip
# As C, Unix and mails write moments.
MOMENTS = ("%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S %z")
FORMATS = tuple(day + time for time, day in itertools.product(TIMES, DAYS)) + MOMENTS + MONTHS
# What looks like a date: day, month and year in some order, and what follows; or a month or a quarter of a year.
DATE_LIKE = re.compile(
    r"\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3,9})[-/., ]+\d{1,4}(\D.*)?|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}(\D.*)?"
    r"|\d{4}[-/ ]?[QqWw]\d{1,2}|[Qq]\d[-/ ]?\d{4}"
    r"|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-/ .]\d{2,4}"
    r"|\d{1,2}[-/ .]?(?i:jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    r"|oct(ober)?|nov(ember)?|dec(ember)?)\.?([-/ .]*\d{2,4}(\D.*)?)?|\d{4}_\d{1,2}_\d{1,2}(\D.*)?"
    r"|(?i:mon|tue|wed|thu|fri|sat|sun|[a-z]{3,6}day)\.?,? .*\d{4}.*"
)
TIME_LIKE = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?")
# Dates that are written as digits alone, by how many there are.
COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
# The last day of all, which others than a calendar's stand for.
FOREVER = 9999_12_31
# Months that are numbers too, by their format.
DECIMAL_MONTHS = {
    "%m.%Y": re.compile(r"(?P<month>0?[1-9]|1[0-2])\.(19|20)\d\d"),
    "%Y.%m": re.compile(r"(19|20)\d\d\.(?P<month>0[1-9]|1[0-2])"),
}
# Moments from which on even steps are no chance; and of days of the month, how many tell them from years.
FEW, MANY_DAYS = 8, 14


def find_date_formats(cells: Collection[object]) -> list[str]:
    """Returns the formats in which all cells are dates, but those that read the same.

    Args:
      cells: different cells of a column, none missing.

    Returns:
      "" among them for ISO 8601; several where days, months and years can be told apart by nothing. Whether the year of
      "24/01/03" and the like comes first or last is told by even steps, which only one of these gives; else by two
      digits that are those of many days of the month. Where neither tells it, all are returned.
    """
    found: dict[tuple[np.datetime64, ...], str] = {}
    for form in ("", *FORMATS):
        try:
            found.setdefault(tuple(read_date(cell, form) for cell in cells), form)
        except (ValueError, TypeError, OverflowError):
            continue
        if not form:
            return [""]  # ISO 8601 means one thing
    years = {form: {int(str(moment)[:4]) for moment in moments} for moments, form in found.items()}
    first = {form for form in years if form.startswith("%y")}
    ends = [ways for ways in (first, years.keys() - first) if ways]
    if len(ends) < 2:
        return list(years)
    even = [ways for ways in ends if any(are_even(moments) for moments, form in found.items() if form in ways)]
    if not even:
        even = [ways for ways in ends if not any(_are_days(years[form]) for form in ways)]
    return [form for form in years if len(even) != 1 or form in even[0]]


def are_even(moments: Sequence[np.datetime64 | int]) -> bool:
    """Returns whether moments follow one another at even steps: in time, or of months, at one point of these."""
    times = np.unique(np.array(moments))
    months = times.astype("datetime64[M]")
    if len(times) < FEW:
        return False
    if len(np.unique(np.diff(times))) == 1:
        return True
    are_ends = (times.astype("datetime64[D]") + 1).astype("datetime64[M]") > months
    return len(np.unique(np.diff(months))) == 1 and (bool(are_ends.all()) or len(np.unique(times - months)) == 1)


def _are_days(years: Collection[int]) -> bool:
    """Returns whether the two digits of years are those of many days, from the beginning of a month to its end."""
    return len(years) > MANY_DAYS and 2000 < min(years) <= 2003 and 2028 <= max(years) <= 2031


def are_seasons(cells: Collection[object]) -> bool:
    """Returns whether what may be months are years and the last digits of the next ones, such as 2009-10, 2010-11."""
    parts = [ISO_MONTH.fullmatch(str(cell).strip()) for cell in cells]
    return len(cells) > 1 and all(part and (int(part[1]) + 1) % 100 == int(part[2]) for part in parts)


def nearest_format(texts: Sequence[str]) -> str:
    """Returns the format in which most of some texts are dates, for messages about the others."""
    return max(("", *FORMATS), key=lambda form: sum(is_date(text, form) for text in texts))


def likely_formats(cells: Iterable[object]) -> tuple[str, ...]:
    """Returns the formats that are tried where some cells are no dates: all if most look like dates, else ISO 8601."""
    texts = [str(cell).strip() for cell in cells]
    return ("", *FORMATS) if sum(map(bool, map(DATE_LIKE.fullmatch, texts))) > 0.5 * len(texts) else ("",)


def find_month_format(cells: Collection[object]) -> str:
    """Returns the format of DECIMAL_MONTHS in which all cells are months; empty for none.

    Args:
      cells: different cells of a column, none missing. Numbers are no months, unless one has a zero before it, 01.2019,
        or there are too many that may be months for a chance.
    """
    for form, pattern in DECIMAL_MONTHS.items():
        parts = [pattern.fullmatch(cell.strip()) for cell in cells if isinstance(cell, str)]
        months = {part["month"] for part in parts if part}
        padded = form.startswith("%m") and any(month.startswith("0") for month in months)
        if parts and all(parts) and len(parts) == len(cells) and (padded or (len(months) > 2 and len(parts) >= FEW)):
            return form
    return ""


def find_compact_format(numbers: np.ndarray) -> str:
    """Returns the format of COMPACT in which (rows,) whole numbers are dates of these centuries; empty for none."""
    numbers = numbers[numbers != FOREVER]
    if len(numbers) == 0 or not np.isfinite(numbers).all() or (numbers % 1 != 0).any() or numbers.min() <= 0:
        return ""
    different = np.unique(numbers)
    digits = len(str(int(different[0])))
    form, rest = COMPACT.get(digits, ""), 10 ** (digits - 4)
    if not form or different[0] < FIRST_YEAR * rest or different[-1] >= (LAST_YEAR + 1) * rest:
        return ""
    try:
        for number in different:
            datetime.strptime(str(int(number)), form)
    except ValueError:
        return ""
    return form


def find_digit_formats(texts: Collection[str]) -> list[str]:
    """Returns the formats of DIGITS in which different numbers may be dates; empty for none, and for few numbers."""
    width = max(map(len, texts), default=0)
    if len(texts) < FEW or not all(text.isdecimal() and len(text) >= width - 1 for text in texts):
        return []
    forms = [form for form, digits in DIGITS.items() if digits == width and all(is_date(text, form) for text in texts)]
    return [form for form in forms if all(_is_recent(read_date(text, form)) for text in texts)]


def _is_recent(moment: np.datetime64) -> bool:
    return FIRST_YEAR <= int(str(moment)[:4]) <= LAST_YEAR
