"""Where the rows of series come from: which row of a file is which row of a series, and where a series breaks off."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.clocks import ADVICE, find_set_back, find_set_forward, may_be_set
from jaxflow.data.series.steps import Step, fill_rows, is_gap, steps_taken, usual_step
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

Gaps = Literal["split", "fill", "ignore"]


@dataclass(frozen=True, eq=False)
class RowLayout:
    """The rows of a file's series, one series after the other, each in the order of time.

    Attributes:
      times: (rows,) datetime64 or int64.
      series: (rows,) int32, the series of each row.
      names: of the series; ("",) where a file holds one.
      sources: by column, (rows,) the row of the file that its cell is taken from: its own, or where that is missing and
        gaps are filled, the last one before it.
      invented: (rows,) whether the row's own targets are missing, and filled in.
      stretches: (rows,) int64, numbered from 0: a new one begins with each series, and after each gap.
      step: the usual step from row to row.
      dropped: how many rows of the file are no rows of a series, since they lack a value.
    """

    times: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    sources: dict[str, np.ndarray]
    invented: np.ndarray
    stretches: np.ndarray
    step: Step
    dropped: int


def lay_out_rows(
    times: np.ndarray,
    series: np.ndarray,
    names: tuple[str, ...],
    known: dict[str, np.ndarray],
    targets: Sequence[str],
    gaps: Gaps,
    max_step: float | None,
    step: Step | None,
    raw: RawTable,
    path: Path,
) -> RowLayout:
    """Orders a file's rows, fills gaps or finds them, and drops rows that lack a value.

    Args:
      times: (file rows,) in any order.
      series: (file rows,) the series of each.
      names: of the series.
      known: by column, (file rows,) whether its cell holds a value; a row that lacks one is dropped or filled.
      targets: which of the columns are to be predicted.
      gaps: as `Series.gaps`.
      max_step: as `Series.max_step`.
      step: the usual step; None to find it.
      raw: the table, for errors.
      path: its file, for errors.

    Returns:
      The layout.

    Raises:
      UserError: a series has two rows for one time, or times of a clock that was set back; or gaps cannot be filled.
    """
    _check_clock(times, series, raw, path)
    complete = np.logical_and.reduce(list(known.values()))
    order = np.lexsort((times, series))
    order = order if gaps == "fill" else order[complete[order]]
    when, which = times[order], series[order]
    _check_once(times, series, order, names, raw, path)
    step = step or usual_step(when, which)
    _report_clock(when, which, step, path)
    place = np.arange(len(order))
    if gaps == "fill" and len(order):
        place, when = fill_rows(when, which, step, path)
        which = which[np.maximum.accumulate(place)]
    row = np.where(place >= 0, order[place] if len(order) else place, -1)  # of the file; -1 for one that it lacks
    sources = {name: _carried(row, which, present) for name, present in known.items()}
    begun = np.logical_and.reduce([source >= 0 for source in sources.values()])
    own = np.logical_and.reduce([sources[name] == row for name in targets])
    when, which = when[begun], which[begun]
    breaks = np.diff(which) != 0
    if gaps == "split":
        breaks |= is_gap(steps_taken(when, step), max_step)
    stretches = np.concatenate([[0], np.cumsum(breaks)]) if len(when) else np.zeros(0, int)
    sources = {name: source[begun] for name, source in sources.items()}
    dropped = len(times) - int((row[begun] >= 0).sum())
    return RowLayout(when, which, names, sources, ~own[begun], stretches, step, dropped)


def series_of(raw: RawTable, column: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the series of each row of a table, (rows,) int32, and the names of the series, in ascending order.

    Raises:
      UserError: a row names none.
    """
    if column is None:
        return np.zeros(raw.rows, np.int32), ("",)
    if raw.missing(column).any():
        row = raw.row_name(int(raw.missing(column).argmax()))
        raise UserError(f"data.series_id names {column!r}, which is missing in {row}; fill it in, or leave the row out")
    names, codes = np.unique(parse_column(raw, column, "category").astype(str), return_inverse=True)
    return codes.astype(np.int32), tuple(map(str, names))


def _check_once(
    times: np.ndarray, series: np.ndarray, order: np.ndarray, names: tuple[str, ...], raw: RawTable, path: Path
) -> None:
    """Raises UserError if a series has two rows for one time; `order` has each series' rows in the order of time."""
    one, next_one = order[:-1], order[1:]
    twice = np.flatnonzero((times[one] == times[next_one]) & (series[one] == series[next_one]))
    if len(twice) == 0:
        return
    first, second = int(one[twice[0]]), int(next_one[twice[0]])
    of = f" of {names[series[first]]}" if len(names) > 1 else ""
    way = "data.series_id names the column that tells series apart" if len(names) == 1 else "leave the others out"
    if times.dtype.kind == "M" and may_be_set(times[one[twice]]).all():
        way += f"; as where clocks were set back: {ADVICE}"
    raise UserError(
        f"{path} has several rows for {times[first]}{of}, in {raw.row_name(first)} and {raw.row_name(second)} "
        f"({len(twice)} such); a series has one each: {way}"
    )


def _check_clock(times: np.ndarray, series: np.ndarray, raw: RawTable, path: Path) -> None:
    """Raises UserError if rows follow a clock that was set back, whose times do not say which row came first."""
    if found := find_set_back(times, series):
        before, row = found
        raise UserError(
            f"{path} goes back from {times[before]} to {times[row]} in {raw.row_name(row)}, as where clocks were set "
            f"back, and the rows of that hour would be put in a wrong order; {ADVICE}"
        )


def _report_clock(times: np.ndarray, series: np.ndarray, step: Step, path: object) -> None:
    """Logs steps at which clocks seem to have been set forward."""
    if step.unit not in ("h", "m", "s"):
        return
    rows = find_set_forward(times, series, np.timedelta64(step.count, step.unit))
    if len(rows):
        logger.info(
            f"{path} goes from {times[rows[0]]} to {times[rows[0] + 1]}, as where clocks are set forward, which is a "
            f"gap ({len(rows)} such); {ADVICE}"
        )


def _carried(row: np.ndarray, series: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Returns the row of the file that each row's cell is taken from, (rows,); -1 where there is none before it."""
    has = (row >= 0) & present[row]
    last = np.maximum.accumulate(np.where(has, np.arange(len(row)), -1))
    inside = (last >= 0) & (series[last] == series)
    return np.where(inside, row[last], -1)
