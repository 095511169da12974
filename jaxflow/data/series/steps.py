"""Steps from row to row of series: which is the usual one, and which are gaps."""

import re
from dataclasses import dataclass

import numpy as np

from jaxflow.errors import UserError

# Rows that filling gaps may make of one: more are a stray date.
MAX_GROWTH = 100
# Units that differ in days, of which steps are even all the same.
CALENDAR = ("Y", "M")
# Seconds of a year, and of the units that a step is counted in.
YEAR = 31_556_952.0
COARSER = (("ns", 1000, "us"), ("us", 1000, "ms"), ("ms", 1000, "s"), ("s", 60, "m"), ("m", 60, "h"), ("h", 24, "D"))
SECONDS = {"W": 604_800.0, "D": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Step:
    """The time from one row of a series to the next.

    Attributes:
      count: how many units.
      unit: as NumPy's datetime64 has it ("M" for months, "h" for hours); empty where rows are numbered.
    """

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}".strip()

    @property
    def seasons(self) -> tuple[int, ...]:
        """Rows of a day, a week and a year, as far as they are whole and more than one."""
        if self.unit in ("", "Y"):
            return ()
        seconds = self.count * (YEAR / 12 if self.unit == "M" else SECONDS.get(self.unit, YEAR))
        rows = [round(period / seconds) for period in (86_400.0, 604_800.0, YEAR)]
        return tuple(count for count in rows if count > 1)

    def after(self, time: np.datetime64 | np.int64, steps: np.ndarray) -> np.ndarray:
        """Returns the times that lie so many steps after a time, (steps,)."""
        if not self.unit:
            return time + self.count * steps
        whole = np.datetime64(time, self.unit)
        return whole + (self.count * steps).astype(f"timedelta64[{self.unit}]") + (time - whole)


def usual_step(times: np.ndarray, series: np.ndarray) -> Step:
    """Finds the most frequent step of series, in months or years where all times lie at the same point of these.

    Args:
      times: (rows,) datetime64 or int64, ascending within each series.
      series: (rows,) the series of each row, in order.
    """
    units = times if times.dtype.kind == "i" else _in_calendar_units(times, series)
    unit = "" if times.dtype.kind == "i" else np.datetime_data(units.dtype)[0]
    steps = np.diff(units)[np.diff(series) == 0].astype(np.int64)
    found, counts = np.unique(steps, return_counts=True)
    count = int(found[counts.argmax()]) if len(found) else 1
    for finer, size, coarser in COARSER:
        if unit == finer and count % size == 0:
            count, unit = count // size, coarser
    return Step(count, unit)


def steps_taken(times: np.ndarray, step: Step) -> np.ndarray:
    """Returns how many usual steps lie between a row and the next, (rows - 1,) float64; NaN where it cannot be said."""
    if not step.unit:
        return np.diff(times) / step.count
    if step.unit not in CALENDAR:
        return np.diff(times) / np.timedelta64(step.count, step.unit)
    whole = times.astype(f"datetime64[{step.unit}]")
    rest = times - whole
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
    odd = np.flatnonzero(same & ~(taken % 1 == 0))
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
        filled[here] = _shifted(times[last[here]], count * step.count, step.unit)
    return old, filled


def _shifted(times: np.ndarray, count: int, unit: str) -> np.ndarray:
    if not unit:
        return times + count
    whole = times.astype(f"datetime64[{unit}]")
    return (whole + np.timedelta64(int(count), unit)) + (times - whole)


def _in_calendar_units(times: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Returns times as years or months where all lie at the same point of these, else as they are."""
    same = np.diff(series) == 0
    for unit in CALENDAR:
        whole = times.astype(f"datetime64[{unit}]")
        even = (times - whole == times[0] - whole[0]).all() and (np.diff(whole)[same].astype(int) > 0).all()
        if len(times) > 1 and even:
            return whole
    return times


def parse_step(text: str) -> Step:
    """Reads a step as `str` wrote it."""
    count, unit = re.fullmatch(r"(-?\d+) ?(\w*)", text).groups()
    return Step(int(count), unit)
