"""Where the rows of series come from: which row of a file is which row of a series, and where a series breaks off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.data.series.steps import Step, fill_rows, is_gap, steps_taken, usual_step
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

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
    """

    times: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    sources: dict[str, np.ndarray]
    invented: np.ndarray
    stretches: np.ndarray
    step: Step


def lay_out_rows(
    times: np.ndarray,
    series: np.ndarray,
    names: tuple[str, ...],
    known: dict[str, np.ndarray],
    targets: Sequence[str],
    gaps: Gaps,
    max_step: float | None,
    step: Step | None,
    path: object,
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
      path: of the file, for errors.

    Returns:
      The layout.

    Raises:
      UserError: a series has two rows for one time, or gaps cannot be filled.
    """
    complete = np.logical_and.reduce(list(known.values()))
    order = np.lexsort((times, series))
    order = order if gaps == "fill" else order[complete[order]]
    when, which = times[order], series[order]
    _check_once(when, which, names, path)
    step = step or usual_step(when, which)
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
    return RowLayout(when, which, names, sources, ~own[begun], stretches, step)


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


def _check_once(times: np.ndarray, series: np.ndarray, names: tuple[str, ...], path: object) -> None:
    twice = np.flatnonzero((times[1:] == times[:-1]) & (series[1:] == series[:-1]))
    if len(twice) == 0:
        return
    first = twice[0]
    of = f" of {names[series[first]]}" if len(names) > 1 else ""
    way = "data.series_id names the column that tells series apart" if len(names) == 1 else "leave the others out"
    if len(twice) <= 4:  # an hour of an autumn night, each year
        way += "; where clocks were set back, write times in UTC or with their offset"
    raise UserError(f"{path} has several rows for {times[first]}{of} ({len(twice)} such); a series has one each: {way}")


def _carried(row: np.ndarray, series: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Returns the row of the file that each row's cell is taken from, (rows,); -1 where there is none before it."""
    has = (row >= 0) & present[row]
    last = np.maximum.accumulate(np.where(has, np.arange(len(row)), -1))
    inside = (last >= 0) & (series[last] == series)
    return np.where(inside, row[last], -1)
