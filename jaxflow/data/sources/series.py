"""A time series from a table, divided into windows and the values that follow them."""

import logging
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import Dataset
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.data.storage.mapped import new_array, require_mapped
from jaxflow.data.storage.series_split import SeriesSplit
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.read import check_table, read_table
from jaxflow.errors import UserError, listed
from jaxflow.ranges import Count, check_ranges
from jaxflow.schema import Feature, Schema, Split, Target

logger = logging.getLogger("jaxflow")

ISO_8601 = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")
# Changes with the way in which the cache holds series.
CACHE_VERSION = 1


@dataclass(frozen=True)
class Series:
    """Windows of a series: the last `length` rows are the input, the next `horizon` values of a column the target.

    Rows are split in time, and a window is in the split of its target's rows; it is in no split where they lie in two.
    So nothing is trained on that comes after the first value to be validated or tested on, while inputs may reach back
    into earlier splits. A window that spans a gap, where rows or values are missing, is left out and counted.
    """

    path: str = field(metadata={"identity": False})
    """CSV, TSV or Parquet file with a row for each time."""
    time: str
    """Column of times in ISO 8601, such as 1981-01, 1981-01-31 or 1981-01-31T12:30; rows may come in any order."""
    columns: tuple[str, ...]
    """Columns that the model sees; the first of them is the one to predict."""
    length: Count = 30
    """Rows that the model looks back at."""
    horizon: Count = 1
    """Rows that it predicts."""
    split: TimeSplit = TimeSplit(0.1, 0.1)
    """Fractions of the rows that are held out, the last ones."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether all windows are kept in memory. With False they are read from the cache's disk batch by batch, for
    series larger than memory; the batches are the same."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.columns:
            raise UserError("data.columns is empty; name the column to predict, and others to look at")

    def load(self) -> Dataset:
        """Reads the file as windows: inputs (examples, length, columns) and targets (examples, horizon)."""
        if self.in_memory:
            read = self._read()
        else:
            read = cached_arrays(self._key(), self._read, mapped=True)
            require_mapped(read["values"])
        times, values = np.array(read["times"]), read["values"]
        self._check_rows(len(values))
        width = self.length + self.horizon
        breaks = gaps_after(times)
        gaps = np.concatenate([[0], np.cumsum(breaks)])  # before each row
        whole = gaps[width - 1 :] == gaps[: len(times) - width + 1]
        if not whole.all():
            gap = f"the first after {times[breaks.argmax()]}"
            logger.info(f"{np.sum(~whole)} of {len(whole)} windows span a gap in {self.path}, {gap}: left out")
        splits: dict[str, Split] = {}
        for name, rows in self.split.split(SplitKeys([str(time) for time in times], times=times)).items():
            inside = np.zeros(len(times), bool)
            inside[rows] = True
            # Rows are in order, so the first and the last of the target's speak for those between.
            starts = np.flatnonzero(whole & inside[self.length : self.length + len(whole)] & inside[width - 1 :])
            split = SeriesSplit(values, times, starts, self.length, self.horizon)
            splits[name] = split.read() if self.in_memory else split
        names = tuple(f"{self.columns[0]}+{ahead}" for ahead in range(1, self.horizon + 1))
        feature = Feature("series", (self.length, len(self.columns)), "float32")
        excluded = {"windows": int(np.sum(~whole))} if not whole.all() else {}
        return validate(Dataset(splits, Schema(feature, Target("number", names)), excluded))

    def _check_rows(self, count: int) -> None:
        width = self.length + self.horizon
        if count < width:
            raise UserError(
                f"{self.path} has {count} rows with all values; a window takes {width} (length and horizon)"
            )

    def _key(self) -> str:
        """Computes the cache's key of the file and what is read of it: a changed file is read anew."""
        path = Path(self.path)
        check_table(path)
        return cache_key(path, (CACHE_VERSION, self.time, self.columns))

    def _read(self) -> dict[str, np.ndarray]:
        """Reads "times", (rows,) ascending, and "values", (rows, columns) float32, of rows that lack no value."""
        path = Path(self.path)
        raw = read_table(path, ("",), self.in_memory)
        missing = [name for name in (self.time, *self.columns) if name not in raw]
        if missing:
            raise UserError(f"{path} has no column {missing[0]!r}; it has {listed(raw)}")
        times, values = [], new_array((raw.rows, len(self.columns)), "float32", self.in_memory)
        for block in raw.blocks():
            rows = slice(block.first, block.first + block.rows)
            cells = enumerate(block[self.time])
            times.append(np.array([_time(cell, block.row_name(row), self.time) for row, cell in cells]))
            for column, name in enumerate(self.columns):
                values[rows, column] = parse_column(block, name, "number")
        when = np.concatenate(times).astype("datetime64")
        whole = np.flatnonzero(np.isfinite(values).all(-1))
        order = whole[np.argsort(when[whole], kind="stable")]
        self._check_rows(len(order))
        when, ordered = when[order], new_array((len(order), len(self.columns)), "float32", self.in_memory)
        np.take(values, order, axis=0, out=ordered, mode="clip")  # any other mode would copy first
        twice = np.flatnonzero(when[1:] == when[:-1])
        if len(twice):
            raise UserError(f"{path} has several rows for {when[twice[0]]} ({len(twice)} such); a series has one each")
        return {"times": when, "values": ordered}


def gaps_after(times: np.ndarray) -> np.ndarray:
    """Finds where a series is interrupted.

    Args:
      times: (rows,) ascending times.

    Returns:
      (rows - 1,) booleans: whether the next row comes later, or sooner, than the series' usual step.
    """
    for unit in ("Y", "M"):  # months and years differ in days, and are even all the same
        whole = times.astype(f"datetime64[{unit}]")
        if (times - whole == times[0] - whole[0]).all() and (np.diff(whole).astype(int) > 0).all():
            times = whole
            break
    steps = np.diff(times)
    usual, counts = np.unique(steps, return_counts=True)
    return steps != usual[counts.argmax()]


def _time(cell: str | date | None, row: str, name: str) -> np.datetime64:
    text = cell.strip() if isinstance(cell, str) else cell  # Parquet has dates too
    try:
        # NumPy would take "now" and an offset from UTC too.
        return np.datetime64(text if isinstance(text, date) or ISO_8601.fullmatch(text or "") else "no time")
    except (ValueError, TypeError):
        raise UserError(
            f"column {name} holds {cell!r} in {row}; times are written as 1981-01-31 or 1981-01-31T12:30"
        ) from None
