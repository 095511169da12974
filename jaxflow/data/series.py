"""A time series from a CSV file, cut into windows: what was, and what came next."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxflow.console import say
from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.data.splitting import Examples, InTime
from jaxflow.errors import UserError

ISO_8601 = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")


@dataclass(frozen=True)
class Series:
    """Windows of a series: the last `length` rows are the input, the next `horizon` values of a column the target.

    Rows are split in time, and a window goes where all of its target's rows are; it is in no split where they lie in
    two. So nothing is trained on that comes after the first value to be validated or tested on, while what came before
    may be looked back at. A window that spans a gap, where rows or values are missing, is left out and counted.
    """

    path: str = field(metadata={"identity": False})
    """CSV file with a header line."""
    time: str
    """Column of times in ISO 8601, such as 1981-01, 1981-01-31 or 1981-01-31T12:30; rows may come in any order."""
    columns: tuple[str, ...]
    """Columns that the model sees; the first of them is the one to predict."""
    length: int = 30
    """Rows that the model looks back at."""
    horizon: int = 1
    """Rows that it predicts."""
    split: InTime = InTime(0.1, 0.1)
    """Which share of the rows is held out, the last ones."""

    def __post_init__(self) -> None:
        for name in ("length", "horizon"):
            if getattr(self, name) < 1:
                raise UserError(f"data.{name} is {getattr(self, name)}; it must be 1 or more")
        if not self.columns:
            raise UserError("data.columns is empty; name the column to predict, and others to look at")

    def load(self) -> Dataset:
        """Reads the file and cuts windows: inputs (examples, length, columns) and targets (examples, horizon)."""
        times, values = _read(Path(self.path), self.time, self.columns)
        width = self.length + self.horizon
        if len(values) < width:
            raise UserError(
                f"{self.path} has {len(values)} rows with all values; a window takes {width} (length and horizon)"
            )
        windows = np.lib.stride_tricks.sliding_window_view(values, width, axis=0)  # (window, column, row)
        breaks = gaps_after(times)
        gaps = np.concatenate([[0], np.cumsum(breaks)])  # before each row
        whole = gaps[width - 1 :] == gaps[: len(windows)]
        if not whole.all():
            gap = f"the first after {times[breaks.argmax()]}"
            say(f"{np.sum(~whole)} of {len(whole)} windows span a gap in {self.path}, {gap}: left out")
        splits = {}
        for name, rows in self.split.assign(Examples([str(time) for time in times], times=times)).items():
            inside = np.zeros(len(times), bool)
            inside[rows] = True
            # Rows are in order, so the first and the last of the target's speak for those between.
            chosen = np.flatnonzero(whole & inside[self.length : self.length + len(whole)] & inside[width - 1 :])
            inputs = windows[chosen, :, : self.length].transpose(0, 2, 1)  # (window, row, column)
            ids = [str(time) for time in times[chosen + self.length]]
            splits[name] = ArraySplit(inputs, windows[chosen, 0, self.length :], ids)
        names = tuple(f"{self.columns[0]}+{ahead}" for ahead in range(1, self.horizon + 1))
        feature = Feature("vector", (self.length, len(self.columns)), "float32")
        left_out = {"windows": int(np.sum(~whole))} if not whole.all() else {}
        return checked(Dataset(splits, Schema(feature, Target("number", names)), left_out))


def gaps_after(times: np.ndarray) -> np.ndarray:
    """Finds where a series is interrupted.

    Args:
      times: (rows,) ascending times.

    Returns:
      (rows - 1,) booleans: whether the next row comes later, or sooner, than the series' usual step.
    """
    steps = np.diff(times)
    usual, counts = np.unique(steps, return_counts=True)
    return steps != usual[counts.argmax()]


def _read(path: Path, time: str, columns: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file's times, (rows,) ascending, and values, (rows, columns) float32; rows that lack a value are left."""
    if not path.is_file():
        raise UserError(f"no file at {path}; data.path (--data.path=FILE) takes a CSV file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(path, csv.DictReader(file), time, columns))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV: {error}") from error
    whole = [(when, numbers) for when, numbers in rows if all(map(math.isfinite, numbers))]
    times = np.array([when for when, _ in whole], "datetime64")
    values = np.array([numbers for _, numbers in whole], np.float32).reshape(len(whole), len(columns))
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    twice = np.flatnonzero(times[1:] == times[:-1])
    if len(twice):
        raise UserError(f"{path} has several rows for {times[twice[0]]} ({len(twice)} such); a series has one each")
    return times, values


def _rows(
    path: Path, reader: csv.DictReader, time: str, columns: tuple[str, ...]
) -> Iterator[tuple[np.datetime64, list[float]]]:
    missing = [name for name in (time, *columns) if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; it has {', '.join(reader.fieldnames or ()) or 'none'}")
    for row in reader:
        where = f"{path}:{reader.line_num}"
        when = _time(row[time], f"{where}: column {time}")
        yield when, [_number(row[name], f"{where}: column {name}") for name in columns]


def _time(cell: str | None, where: str) -> np.datetime64:
    text = (cell or "").strip()
    try:
        # NumPy would take "now" and an offset from UTC too.
        return np.datetime64(text if ISO_8601.fullmatch(text) else "no time")
    except ValueError:
        raise UserError(f"{where} holds {cell!r}; times are written as 1981-01-31 or 1981-01-31T12:30") from None


def _number(cell: str | None, where: str) -> float:
    """Reads a cell: NaN where it is empty."""
    text = (cell or "").strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise UserError(f"{where} holds {cell!r}, which is no number; correct it, or leave it empty") from None
