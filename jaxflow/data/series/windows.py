"""Which windows of series are examples: those without gaps, by the split that their targets lie in."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.report import told_lacking
from jaxflow.data.series.split import SeriesRows
from jaxflow.data.series.steps import parse_step, steps_taken
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True, eq=False)
class WindowStarts:
    """Where the windows of each split start.

    Attributes:
      starts: by split, (windows,) int64, the row where each starts, ascending.
      left_out: how many windows are in no split, by the reason; {} where all are in one.
    """

    starts: Mapping[str, np.ndarray]
    left_out: Mapping[str, int]


def window_starts(
    rows: SeriesRows,
    invented: np.ndarray,
    encoding: SeriesEncoding,
    parts: Mapping[str, np.ndarray],
    path: str,
    lacking: Mapping[str, int],
) -> WindowStarts:
    """Finds the windows of each split.

    Args:
      rows: the series.
      invented: (rows,) whether a row's targets were filled in.
      encoding: with length, horizon and what is done about gaps.
      parts: by split, indices of its rows.
      path: of the file, for errors.
      lacking: rows that lack a value, by column, for errors.

    Raises:
      UserError: no window is left, or none in a split.
    """
    width = encoding.length + encoding.horizon
    first = np.arange(encoding.lead, len(rows.times) - width + 1)
    before, last = first - encoding.lead, first + width - 1
    of_one_series = rows.series[before] == rows.series[last]
    filled = np.concatenate([[0], np.cumsum(invented)])  # before each row
    observed = filled[last + 1] == filled[first + encoding.length]
    whole = (rows.stretches[before] == rows.stretches[last]) & observed
    possible, left_out = int(of_one_series.sum()), int((of_one_series & ~whole).sum())
    gap = _first_gap(rows, invented, encoding)
    if possible and left_out == possible:
        raise UserError(f"{path}: all {possible} windows of {width} rows {gap}{_gaps(rows, encoding, lacking)}")
    _report_short(rows, encoding.lead + width, path)
    if left_out:
        logger.info(f"{path}: {left_out} of {possible} windows {gap}: left out")
    starts = {}
    for name, chosen in parts.items():
        inside = np.zeros(len(rows.times), bool)
        inside[chosen] = True
        # Rows are in order, so the first and the last of the target's speak for those between.
        targets_inside = of_one_series & inside[first + encoding.length] & inside[last]
        starts[name] = first[whole & targets_inside]
        if len(starts[name]) == 0:
            why = f"all of its windows {gap}{_gaps(rows, encoding, lacking)}"
            if not targets_inside.any():
                several = f" of {len(rows.names)} series" if len(rows.names) > 1 else ""
                less = "hold fewer rows out" if name == "train" else "hold more rows out"
                why = (
                    f"it has {len(chosen)} rows{several}, and a window takes {encoding.length} rows (length) and, in "
                    f"this split, the {encoding.horizon} after them (horizon); make them fewer, or {less} (data.split)"
                )
            raise UserError(f"{path}: the {name} split is empty: {why}")
    between = possible - left_out - sum(map(len, starts.values()))
    if between:
        logger.info(f"{between} of {possible} windows predict rows of two splits, or of none, in {path}: left out")
    what = "windows that would predict what was filled in" if encoding.gaps == "fill" else "windows that span a gap"
    counts = {what: left_out, "windows whose targets lie in no single split": between}
    return WindowStarts(starts, {reason: count for reason, count in counts.items() if count})


def _report_short(rows: SeriesRows, needed: int, path: str) -> None:
    """Logs series that have no window."""
    counts = np.bincount(rows.series, minlength=len(rows.names))
    short = [name for name, count in zip(rows.names, counts) if count < needed]
    if short:
        logger.info(
            f"{len(short):,} series of {path} have less than the {needed} rows of a window, and are in no split: "
            f"{listed(short)}"
        )


def _first_gap(rows: SeriesRows, invented: np.ndarray, encoding: SeriesEncoding) -> str:
    """Returns what is wrong with windows that are left out, and where that begins."""
    if encoding.gaps == "fill":
        return f"would predict what was filled in, the first at {rows.times[invented.argmax()]}"
    breaks = np.flatnonzero((np.diff(rows.stretches) != 0) & (np.diff(rows.series) == 0))
    return f"span a gap, the first after {rows.times[breaks[0]]}" if len(breaks) else "span a gap"


def _gaps(rows: SeriesRows, encoding: SeriesEncoding, lacking: Mapping[str, int]) -> str:
    """Returns how many gaps there are, between rows of which step, and what to do about them."""
    same = np.diff(rows.series) == 0
    gaps = int(((np.diff(rows.stretches) != 0) & same).sum())
    told = f"; of {same.sum():,} steps in {' and '.join(encoding.time)} most are {encoding.step}, and {gaps:,} are gaps"
    told += f" (rows that lack a value are left out: {told_lacking(lacking)})" if lacking else ""
    return f"{told if encoding.gaps == 'split' else ''}; {_ways(rows, encoding)}"


def _ways(rows: SeriesRows, encoding: SeriesEncoding) -> str:
    """Returns what to do about gaps."""
    if encoding.gaps != "split":
        return "make horizon smaller, or use gaps='split'"
    same = np.diff(rows.series) == 0
    taken = steps_taken(rows.times, parse_step(encoding.step))[same]
    often, counts = np.unique(taken[np.isfinite(taken) & (taken > 1)], return_counts=True)
    ways = "gaps='ignore' takes rows as they follow each other"
    if len(often) and 2 * counts.max() > counts.sum():  # of weekends, that is 3 days
        ways += f", max_step={often[counts.argmax()]:g} lets such steps pass"
    return f"{ways}, gaps='fill' repeats the last values; or make length and horizon smaller"
