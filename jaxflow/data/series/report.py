"""What is said of a file of series: its rows and their step, what was inferred, and what is left out."""

import logging
from collections.abc import Mapping

import numpy as np

from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.split import SeriesRows
from jaxflow.errors import listed

logger = logging.getLogger("jaxflow")


def report_series(
    path: str,
    rows: SeriesRows,
    encoding: SeriesEncoding,
    starts: Mapping[str, np.ndarray],
    dropped: int,
    lacking: Mapping[str, int],
) -> None:
    """Logs what a file holds and what was inferred.

    Args:
      path: of the file.
      rows: the series.
      encoding: how they are read.
      starts: by split, (windows,) where each window starts.
      dropped: rows of the file that are left out, since they lack a value.
      lacking: rows that lack a value, by the column that they lack it in.
    """
    parts = "  ".join(f"{name} {len(found):,}" for name, found in starts.items())
    several = f" of {len(rows.names):,} series" if encoding.series_id else ""
    span = f"from {rows.times.min()} to {rows.times.max()}"
    told = f"{len(rows.times):,} rows{several}, most {encoding.step} apart, {span}"
    if encoding.time_format:
        told += f"; times are read as {encoding.time_format!r}"
    if rows.season is not None:
        told += f"; a season of {encoding.targets[0]} has {rows.season} rows"
    logger.info(f"{path}: {told}; windows: {parts}")
    if dropped:
        why = "have no value before them to be filled with" if encoding.gaps == "fill" else "lack a value"
        logger.info(f"{dropped:,} rows of {path} {why} ({told_lacking(lacking)}): left out")


def told_lacking(lacking: Mapping[str, int]) -> str:
    """Returns by column how many rows lack a value, the most first, for messages."""
    return listed((f"{name} {count:,}" for name, count in sorted(lacking.items(), key=lambda item: -item[1])), 5)
