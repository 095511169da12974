"""Steps from row to row of series: which is the usual one, and which are gaps."""

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from jaxflow.errors import UserError

# Rows that filling gaps may make of one: more are a stray date.
MAX_GROWTH = 100
# Units that differ in days, of which steps are even all the same.
CALENDAR = ("Y", "M")
# Weekdays, which NumPy counts apart; and rows of a week and a year of them.
BUSINESS_DAYS, BUSINESS_SEASONS = "B", (5, 261)
# Weekdays of a month on which rows of months may lie, and days beside them where that is a holiday: a Chinese new year.
WEEKDAYS, HOLIDAYS = ("first", "last"), 9
# Seconds of a year, and of the units that a step is counted in.
YEAR = 31_556_952.0
COARSER = (("ns", 1000, "us"), ("us", 1000, "ms"), ("ms", 1000, "s"), ("s", 60, "m"), ("m", 60, "h"), ("h", 24, "D"))
SECONDS = {"W": 604_800.0, "D": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Step:
    """The time from one row of a series to the next.

    Attributes:
      count: how many units.
      unit: as NumPy's datetime64 has it ("M" for months, "h" for hours), "B" for weekdays; empty where rows are
        numbered.
      day: of the month, where shorter months have their last one in its place: 31 for the ends of months; 0 elsewhere.
      weekday: of the month, its first or last one, or near it where that is a holiday; empty elsewhere.
    """

    count: int
    unit: str
    day: int = 0
    weekday: Literal["", "first", "last"] = ""

    def __str__(self) -> str:
        on = f" on day {self.day}" if self.day else f" on the {self.weekday} weekday" if self.weekday else ""
        return f"{self.count} {self.unit}".strip() + on

    @property
    def seasons(self) -> tuple[int, ...]:
        """Rows of a day, a week and a year, as far as they are whole and more than one."""
        if self.unit in ("", "Y"):
            return ()
        if self.unit == BUSINESS_DAYS:
            return BUSINESS_SEASONS
        seconds = self.count * (YEAR / 12 if self.unit == "M" else SECONDS.get(self.unit, YEAR))
        rows = [round(period / seconds) for period in (86_400.0, 604_800.0, YEAR)]
        return tuple(count for count in rows if count > 1)

    def after(self, time: np.datetime64 | np.int64, steps: np.ndarray) -> np.ndarray:
        """Returns the times that lie so many steps after a time, (steps,)."""
        return _shifted(np.broadcast_to(time, len(steps)), self, steps)


def usual_step(times: np.ndarray, series: np.ndarray) -> Step:
    """Finds the most frequent step of series, in months or years where all times lie at the same point of these.

    Args:
      times: (rows,) datetime64 or int64, ascending within each series.
      series: (rows,) the series of each row, in order.
    """
    units, on = (times, Step(1, "")) if times.dtype.kind == "i" else _in_calendar_units(times, series)
    unit = "" if times.dtype.kind == "i" else np.datetime_data(units.dtype)[0]
    steps = np.diff(units)[np.diff(series) == 0].astype(np.int64)
    found, counts = np.unique(steps, return_counts=True)
    count = int(found[counts.argmax()]) if len(found) else 1
    for finer, size, coarser in COARSER:
        if unit == finer and count % size == 0:
            count, unit = count // size, coarser
    if (count, unit) == (1, "D") and _are_business_days(times, series):
        unit = BUSINESS_DAYS
    return replace(on, count=count, unit=unit)


def steps_taken(times: np.ndarray, step: Step) -> np.ndarray:
    """Returns how many usual steps lie between a row and the next, (rows - 1,) float64; NaN where it cannot be said."""
    if not step.unit:
        return np.diff(times) / step.count
    if step.unit == BUSINESS_DAYS:
        days, clock = _days_and_clock(times)
        return np.where(clock[1:] == clock[:-1], np.busday_count(days[:-1], days[1:]) / step.count, np.nan)
    if step.unit not in CALENDAR:
        return np.diff(times) / np.timedelta64(step.count, step.unit)
    whole = times.astype(f"datetime64[{step.unit}]")
    if step.weekday:
        even, clock = _near_weekday(times, whole, step.weekday), _days_and_clock(times)[1]
        even = even[1:] & even[:-1] & (clock[1:] == clock[:-1])
        return np.where(even, np.diff(whole).astype(np.int64) / step.count, np.nan)
    rest = times - (_on_day(whole, step.day) if step.day else whole)
    return np.where(rest[1:] == rest[:-1], np.diff(whole).astype(np.int64) / step.count, np.nan)


def is_gap(taken: np.ndarray, max_step: float | None) -> np.ndarray:
    """Returns which steps are gaps: those that are not the usual one, or longer than `max_step` usual ones."""
    return taken != 1 if max_step is None else ~(taken <= max_step)


def fill_rows(times: np.ndarray, series: np.ndarray, step: Step, path: object) -> tuple[np.ndarray, np.ndarray]:
    """Inserts the rows that series lack between their first and their last.

    Args:
      times: (rows,), ascending within each series.
      series: (rows,) the series of each row.
      step: from `usual_step`.
      path: of the file, for the error.

    Returns:
      For each row, old or new, the index of its old one, -1 for a new one; and its time.

    Raises:
      UserError: a row lies beside the grid of the usual step, or the grid has far more rows than the file.
    """
    taken = steps_taken(times, step)
    same = np.diff(series) == 0
    odd = np.flatnonzero(same & ~((taken % 1 == 0) & (taken > 0)))
    if len(odd):
        raise UserError(
            f"data.gaps 'fill' needs rows at even steps; in {path} most lie {step} apart, and {times[odd[0] + 1]} "
            f"follows {times[odd[0]]}; use gaps='ignore', or gaps='split' with max_step"
        )
    ahead = np.where(same, taken, 1).astype(np.int64)
    total = int(ahead.sum()) + 1
    if total > MAX_GROWTH * len(times):
        worst = int(np.where(same, taken, 0).argmax())
        raise UserError(
            f"data.gaps 'fill' would make {total:,} rows of the {len(times):,} in {path}: {times[worst + 1]} follows "
            f"{times[worst]}; correct it, or use gaps='split'"
        )
    places = np.concatenate([[0], np.cumsum(ahead)])
    old = np.full(total, -1)
    old[places] = np.arange(len(times))
    last = np.maximum.accumulate(old)  # the old row at or before each
    since = np.arange(total) - places[last]
    filled = np.empty(total, times.dtype)
    for count in np.unique(since):
        here = since == count
        filled[here] = _shifted(times[last[here]], step, np.full(here.sum(), count))
    return old, filled


def _shifted(times: np.ndarray, step: Step, counts: np.ndarray) -> np.ndarray:
    """Returns the times that lie `counts` steps after others, each (rows,)."""
    ahead = step.count * counts
    if not step.unit:
        return times + ahead
    if step.unit == BUSINESS_DAYS:
        days, clock = _days_and_clock(times)
        return np.busday_offset(days, ahead, roll="backward") + clock
    whole = times.astype(f"datetime64[{step.unit}]")
    then = whole + ahead.astype(f"timedelta64[{step.unit}]")
    if step.weekday:
        return _on_weekday(then, step.weekday) + _days_and_clock(times)[1]
    if step.day:
        return _on_day(then, step.day) + (times - _on_day(whole, step.day))
    return then + (times - whole)


def _in_calendar_units(times: np.ndarray, series: np.ndarray) -> tuple[np.ndarray, Step]:
    """Returns times as years or months where all lie at the same point of these, else as they are; and which point."""
    same = np.diff(series) == 0
    for unit in CALENDAR if len(times) > 1 else ():
        whole = times.astype(f"datetime64[{unit}]")
        if not (np.diff(whole)[same].astype(int) > 0).all():
            continue
        if (times - whole == times[0] - whole[0]).all():
            return whole, Step(1, unit)
        days, clock = _days_and_clock(times)
        if unit == "Y" or (clock != clock[0]).any():
            continue
        day = int((days - whole.astype("datetime64[D]")).astype(int).max()) + 1
        if (days == _on_day(whole, day)).all():
            return whole, Step(1, unit, day)
        for weekday in WEEKDAYS if np.is_busday(days).all() else ():
            exact = days == _on_weekday(whole, weekday)
            if exact.mean() > 0.5 and _near_weekday(times, whole, weekday).all():
                return whole, Step(1, unit, weekday=weekday)
    return times, Step(1, "")


def _are_business_days(times: np.ndarray, series: np.ndarray) -> bool:
    """Returns whether times are weekdays alone, and a Monday follows a Friday."""
    days, clock = _days_and_clock(times)
    if (clock != clock[0]).any() or not np.is_busday(days).all():
        return False
    over_weekend = (np.busday_count(days[:-1], days[1:]) == 1) & (np.diff(days).astype(int) == 3)
    return bool((over_weekend & (np.diff(series) == 0)).any())


def _days_and_clock(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    days = times.astype("datetime64[D]")
    return days, times - days


def _on_day(months: np.ndarray, day: int) -> np.ndarray:
    """Returns a day of each of (rows,) months, the last one of those that are shorter."""
    first, after = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    return np.minimum(first + (day - 1), after - 1)


def _on_weekday(months: np.ndarray, weekday: str) -> np.ndarray:
    """Returns the first or the last weekday of each of (rows,) months."""
    if weekday == "first":
        return np.busday_offset(months.astype("datetime64[D]"), 0, roll="forward")
    return np.busday_offset((months + 1).astype("datetime64[D]"), -1, roll="forward")


def _near_weekday(times: np.ndarray, months: np.ndarray, weekday: str) -> np.ndarray:
    """Returns which times lie on the first weekday of their month or some days later, or on the last or before it."""
    late = (times.astype("datetime64[D]") - _on_weekday(months, weekday)).astype(int)
    late = late if weekday == "first" else -late
    return (late >= 0) & (late <= HOLIDAYS)


def parse_step(text: str) -> Step:
    """Reads a step as `str` wrote it."""
    written = re.fullmatch(r"(-?\d+) ?(\w*)(?: on day (\d+))?(?: on the (first|last) weekday)?", text)
    assert written is not None
    count, unit, day, weekday = written.groups()
    return Step(int(count), unit, int(day or 0), weekday or "")
