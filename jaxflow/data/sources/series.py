"""Time series from a table, divided into windows and the values that follow them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import Dataset
from jaxflow.data.dates import check_format
from jaxflow.data.reading.category_names import MISSING
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.series.encode import (
    Columns,
    Relative,
    SeriesEncoding,
    encode_rows,
    fit_encoders,
    open_columns,
    require_columns,
)
from jaxflow.data.series.layout import Gaps, RowLayout, lay_out_rows, series_of
from jaxflow.data.series.report import report_series
from jaxflow.data.series.seasons import find_season
from jaxflow.data.series.split import SeriesRows, SeriesSplit, window_name
from jaxflow.data.series.times import COUNT, read_times
from jaxflow.data.series.windows import window_starts
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.data.storage.mapped import new_array, require_mapped
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.inputs import require_named
from jaxflow.data.tables.missing import null_values, report_absent
from jaxflow.data.tables.raw.read import check_table, read_table
from jaxflow.data.tables.target import check_exact
from jaxflow.errors import UserError
from jaxflow.ranges import Count, Positive, check_ranges, check_tuples
from jaxflow.schema import Feature, Schema, Split, Target
from jaxflow.serialization import from_json, to_json

# Changes with the way in which the cache holds series.
CACHE_VERSION = 5


@dataclass(frozen=True)
class Series:
    """Windows of a series: the last `length` rows are the input, the next `horizon` values of a column the target.

    Rows are split in time, and a window is in the split of its target's rows; it is in no split where they lie in two.
    So nothing is trained on that comes after the first value to be validated or tested on, while inputs may reach back
    into earlier splits. A window that spans a gap, where rows or values are missing, is left out and counted.
    """

    path: str = field(metadata={"identity": False})
    """CSV, TSV or Parquet file with a row for each time."""
    time: str | tuple[str, ...] = ""
    """Column of times; rows may come in any order. Of several, such as year, month, day and hour, or date and clock,
    the cells of a row are joined by spaces."""
    columns: tuple[str, ...] = ()
    """Columns that the model sees: numbers, categories or dates; without `targets` the first is the one to predict."""
    length: Count = 30
    """Rows that the model looks back at."""
    horizon: Count = 1
    """Rows that it predicts."""
    split: TimeSplit = TimeSplit(0.1, 0.1)
    """Fractions of the rows that are held out, the last ones."""
    targets: tuple[str, ...] = ()
    """Columns to predict, which need not be among `columns`; empty for the first of these."""
    series_id: str | None = None
    """Column that names the series of each row, where a file holds several; it is no input unless `columns` names it.
    All are split at the same times."""
    time_format: str = ""
    """How times are written: as in datetime.strptime, for example "%d/%m/%Y %H:%M", and %q for a quarter, "%YQ%q"; "s",
    "ms", "us" or "ns" for such since 1970; "count" for numbered rows. Empty infers it, ISO 8601 first."""
    gaps: Gaps = "split"
    """What happens where rows or values are missing: "split" leaves out windows that span a gap; "fill" repeats the
    last values in inputs, and leaves out windows that would predict such; "ignore" takes rows as they follow."""
    max_step: Positive | None = None
    """Longest step between two rows that is no gap, in usual steps, such as 2 over the holidays of weekdays; None where
    each step must be the usual one."""
    relative: Relative = "none"
    """What numbers are measured from: nothing; the "last" value in the window, inputs and targets alike, so that a
    series' level does not matter; or inputs as the "difference" from the row before, and targets from the last."""
    encoders: tuple[Number | Category | Date, ...] = ()
    """Number("load", scale="standard"), Category("weather") or Date("day", ...) for columns that are not encoded as
    usual: numbers as they are, categories one-hot, dates by their phases; without a name, for all of their kind."""
    missing: tuple[str, ...] = MISSING
    """What stands for a missing value in a text file."""
    missing_also: tuple[str, ...] = ()
    """What else does, in Parquet too, for example ("-999",); numbers are compared by value."""
    delimiter: str | None = None
    """What separates the columns of a text file; None finds it."""
    quotes: bool = True
    """Whether quotes around a cell are no part of it; False takes them for letters, and each line for a row."""
    decimal: Literal[".", ","] | None = None
    """What separates the decimals of numbers; None finds it in each column."""
    thousands: str | None = None
    """What separates their thousands, "" for nothing; None finds it in each column."""
    names: tuple[str, ...] = ()
    """Names of the columns, for a text file whose first line is a row already."""
    encoding: str | None = None
    """How the characters of a text file are encoded, for example cp1252; None for UTF-8, or what its beginning says."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the rows are kept in memory. With False they are read from the cache's disk batch by batch, for
    series larger than memory; the batches are the same."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_tuples(self)
        check_format("" if self.time_format == COUNT else self.time_format, "data.time_format")
        _ = self.dialect  # checks its fields
        if isinstance(self.split, HoldOut | KFold):
            raise UserError(
                f"data.split is a {type(self.split).__name__}, which draws rows of all times, so that what is tested "
                "was trained on; series are split by TimeSplit"
            )
        if self.gaps != "split" and self.max_step is not None:
            raise UserError(
                f"data.max_step says what a gap is for gaps='split', and gaps is {self.gaps!r}; leave one out"
            )
        for spec in self.encoders if isinstance(self.encoders, tuple) else ():
            if isinstance(spec, Category) and spec.encode in ("target", "index"):
                raise UserError(
                    f"data.encoders has {spec.encode!r} for a category; of series it is 'onehot' or 'ordinal'"
                )

    @property
    def dialect(self) -> Dialect:
        """How the text file is written, as far as it is said."""
        return Dialect(self.delimiter, self.quotes, self.encoding, self.decimal, self.thousands, self.names)

    def load(self) -> Dataset:
        """Reads the file as windows: inputs (examples, length, features) and targets (examples, targets * horizon)."""
        if self.in_memory:
            read = self._read()
        else:
            read = cached_arrays(self._key(), self._read, mapped=True)
            require_mapped(read["features"])
        about = json.loads(str(read["about"][0]))
        encoding = replace(from_json(about["encoding"]), length=self.length, horizon=self.horizon)
        times, series, stretches = (np.array(read[name]) for name in ("times", "series", "stretches"))
        rows = SeriesRows(
            times, series, tuple(about["names"]), stretches, read["features"], read["values"], about["season"]
        )
        parts = {name: read[f"part.{name}"] for name in about["parts"]}
        found = window_starts(rows, np.array(read["invented"]), encoding, parts, self.path, about["lacking"])
        splits: dict[str, Split] = {
            name: SeriesSplit(
                rows, starts, self.length, self.horizon, encoding.relative_features, encoding.relative != "none"
            )
            for name, starts in found.starts.items()
        }
        report_series(self.path, rows, encoding, found.starts, about["dropped"], about["lacking"])
        names = tuple(f"{name}+{ahead}" for name in self._targets for ahead in range(1, self.horizon + 1))
        feature = Feature("series", (self.length, len(encoding.features)), "float32")
        return validate(Dataset(splits, Schema(feature, Target("number", names)), found.left_out, encoding))

    @property
    def _time(self) -> tuple[str, ...]:
        """The columns of times."""
        return (self.time,) if isinstance(self.time, str) else self.time

    @property
    def _targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return self.targets or self.columns[:1]

    def _key(self) -> str:
        """Computes the cache's key of the file and what it becomes: a changed file is read anew."""
        check_table(path := Path(self.path))
        return cache_key(path, (CACHE_VERSION, replace(self, path="", in_memory=True, length=1, horizon=1)))

    def _read(self) -> dict[str, np.ndarray]:
        """Reads what `SeriesRows` holds and which rows are in each split; "about" holds the rest as JSON."""
        path, named = Path(self.path), (*self._time, *self._targets)
        raw = read_table(path, self.missing, self.in_memory, self.dialect, self.missing_also, named)
        report_absent(raw := null_values(raw, self.encoders), (*self.missing, *self.missing_also), self.path)
        identifiers = () if self.series_id is None else (self.series_id,)
        require_named(raw, self.path, "time", self._time)
        require_columns(raw, path, self._time)
        require_named(raw.without(*self._time), self.path, "columns", self.columns)
        require_columns(raw, path, (*self.columns, *self._targets, *identifiers))
        for name in self._targets:
            check_exact(name, raw)
        times, form = read_times(raw, self._time, self.time_format, path)
        columns = open_columns(raw, times, self._time, self._specs(), self._targets)
        series, names = series_of(raw, self.series_id)
        known = columns.known(dict.fromkeys((*self._targets, *self.columns)))
        layout = lay_out_rows(times, series, names, known, self._targets, self.gaps, self.max_step, None, raw, path)
        width = self.length + self.horizon
        if len(layout.times) < width:
            raise UserError(
                f"{path} has {len(layout.times)} rows with all values; a window takes {width} (length and horizon)"
            )
        ids = [window_name(names[which], time) for which, time in zip(layout.series, layout.times)]
        parts = self.split.split(SplitKeys(ids, times=layout.times))
        encoding = self._encoding(columns, layout, form, parts["train"])
        values = new_array((len(layout.times), len(self._targets)), "float64", self.in_memory)
        for column, name in enumerate(self._targets):
            values[:, column] = columns.read(name)[layout.sources[name]]
        stretches = layout.stretches[parts["train"]]
        train = parts["train"][stretches == np.bincount(stretches).argmax()]  # of the longest one
        about = {"encoding": to_json(encoding), "names": names, "parts": list(parts), "dropped": layout.dropped}
        about["lacking"] = {name: int((~cells).sum()) for name, cells in known.items() if not cells.all()}
        about["season"] = find_season(values[train, 0], layout.step.seasons)
        return {
            "times": layout.times,
            "series": layout.series,
            "stretches": layout.stretches,
            "invented": layout.invented,
            "features": encode_rows(columns, encoding, layout.sources, self.in_memory),
            "values": values,
            "about": np.array([json.dumps(about)]),
            **{f"part.{name}": chosen for name, chosen in parts.items()},
        }

    def _specs(self) -> Mapping[str, Spec]:
        """Returns how each column is encoded; Number() where its kind is to be inferred."""
        named = {spec.name: spec for spec in self.encoders}
        return {name: named.get(name, Number()) for name in self.columns}

    def _encoding(self, columns: Columns, layout: RowLayout, form: str, train: np.ndarray) -> SeriesEncoding:
        rows = {name: source[train] for name, source in layout.sources.items()}
        return SeriesEncoding(
            time=self._time,
            time_format=form,
            series_id=self.series_id,
            columns=fit_encoders(columns, self.columns, self.encoders, rows, self.relative),
            targets=self._targets,
            length=self.length,
            horizon=self.horizon,
            gaps=self.gaps,
            max_step=self.max_step,
            relative=self.relative,
            step=str(layout.step),
            missing_values=self.missing,
            missing_also=self.missing_also,
            dialect=self.dialect,
        )
