"""How rows of series become windows: fitted to the training rows, and done to new rows alike."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.series.layout import Gaps
from jaxflow.data.storage.mapped import new_array
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.doubts import doubt_input
from jaxflow.data.tables.encoders import DateEncoder, Encoder, NumberEncoder
from jaxflow.data.tables.forms import Form, Kind, find_form
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError, listed, meant
from jaxflow.schema import blurred

logger = logging.getLogger("jaxflow")

Relative = Literal["none", "last", "difference"]


@dataclass(frozen=True)
class SeriesEncoding:
    """How rows of series become windows, as fitted to the training rows.

    Attributes:
      time: the columns of times.
      time_format: how they are written, as `Series.time_format`, found or given.
      series_id: the column that names each row's series; None where there is one series.
      columns: the encoder of each column that windows hold, in the order of the features.
      targets: the columns that are predicted.
      length: rows of a window.
      horizon: rows that are predicted.
      gaps: as `Series.gaps`.
      max_step: as `Series.max_step`.
      relative: as `Series.relative`.
      step: the usual step from row to row, as `str` of a Step.
      missing_values: texts that stand for a missing value in a text file.
      missing_also: what else does, as `Series.missing_also`.
      dialect: how a text file is written.
    """

    time: tuple[str, ...]
    time_format: str
    series_id: str | None
    columns: tuple[Encoder, ...]
    targets: tuple[str, ...]
    length: int
    horizon: int
    gaps: Gaps
    max_step: float | None
    relative: Relative
    step: str
    missing_values: tuple[str, ...]
    missing_also: tuple[str, ...] = ()
    dialect: Dialect = Dialect()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(name for encoder in self.columns for name in encoder.names)

    @property
    def lead(self) -> int:
        """Rows before a window that it takes: differences have one."""
        return int(self.relative == "difference")

    @property
    def relative_features(self) -> tuple[int, ...]:
        """Positions of the features that are taken less their last row in a window."""
        return self.numbers if self.relative == "last" else ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """Positions of the features that are numbers of the file."""
        owners = [encoder for encoder in self.columns for _ in encoder.names]
        return tuple(index for index, owner in enumerate(owners) if isinstance(owner, NumberEncoder))


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a table of series that are looked at, read one at a time.

    Attributes:
      raw: the table.
      times: (rows,) of the file.
      time: the columns of times.
      kinds: what each column holds.
      forms: how numbers and dates are written, by column.
    """

    raw: RawTable
    times: np.ndarray
    time: tuple[str, ...]
    kinds: Mapping[str, Kind]
    forms: Mapping[str, Form]

    def read(self, name: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Reads rows of a column, (rows,) as its encoder takes it; they alone say what categories are called."""
        if self.kinds[name] == "date" and (name,) == self.time:
            return self.times[rows].astype("datetime64[s]")
        return parse_column(self.raw, name, self.kinds[name], self.forms.get(name), rows)

    def known(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Returns by column which cells hold a value, (file rows,) booleans; nothing is a category like others."""
        tests = {
            "number": np.isfinite,
            "date": lambda cells: ~np.isnat(cells),
            "category": lambda cells: cells == cells,
        }
        return {name: tests[self.kinds[name]](self.read(name)) for name in names}


def open_columns(
    raw: RawTable, times: np.ndarray, time: tuple[str, ...], specs: Mapping[str, Spec], targets: Sequence[str]
) -> Columns:
    """Infers what the columns of a table of series hold.

    Args:
      raw: the table.
      times: (rows,) of the file.
      time: the columns of times.
      specs: by column that windows hold, how it is encoded; Number() of no name where that is to be inferred.
      targets: the columns to predict, which hold numbers.
    """
    every, kinds = np.arange(raw.rows), dict.fromkeys(targets, "number")
    of_spec = {Number: "number", Category: "category", Date: "date"}
    for name, spec in specs.items():
        if name in targets:
            continue
        if (name,) == time:
            kinds[name] = "date" if times.dtype.kind == "M" else "number"
        elif spec.name:
            kinds[name] = of_spec[type(spec)]
        else:
            kinds[name] = infer_column_type(raw, name, every, "list the column in data.encoders")
            if kinds[name] == "empty":
                raise UserError(f"column {name} holds nothing; leave it out of data.columns")
            if kinds[name] == "category" and (doubt := doubt_input(raw, name, every, "encoders")):
                logger.info(f"column {name} is read as categories{doubt}")
    forms: dict[str, Form] = {}
    for name, kind in kinds.items():
        if kind in ("number", "date") and (name,) != time:
            spec = specs.get(name)
            forms[name] = (spec.format if isinstance(spec, Date) else "") or find_form(raw, name, kind, every)
    return Columns(raw, times, time, kinds, forms)


def fit_encoders(
    columns: Columns, names: Sequence[str], encoders: Sequence[Spec], rows: Mapping[str, np.ndarray], relative: Relative
) -> tuple[Encoder, ...]:
    """Fits an encoder for each column to the training rows.

    Args:
      columns: the columns.
      names: those that windows hold.
      encoders: how some are encoded, as `Series.encoders`.
      rows: by column, the rows of the file that training rows take their cells from.
      relative: as `Series.relative`.
    """
    fitted = []
    for name in names:
        spec, cells = spec_of(name, columns.kinds[name], encoders), columns.read(name, rows[name])
        plain = isinstance(spec, Number) and spec.scale == "none" and relative == "none"
        if plain and blurred(cells[:, None])[0]:
            logger.info(f"column {name}: its values lie so close together that float32 would blur them; standardised")
            spec = replace(spec, scale="standard")
        encoder = spec.fit(cells)
        if isinstance(encoder, NumberEncoder | DateEncoder) and name in columns.forms:
            encoder = replace(encoder, format=columns.forms[name])
        fitted.append(encoder)
    return tuple(fitted)


def spec_of(name: str, kind: Kind, encoders: Sequence[Spec]) -> Spec:
    """Returns how a column is encoded: as the spec of its name says, else that of its kind without a name."""
    kinds: dict[Kind, type[Spec]] = {"number": Number, "category": Category, "date": Date}
    for wanted in (name, ""):
        for spec in encoders:
            if spec.name == wanted and isinstance(spec, kinds[kind]):
                return replace(spec, name=name)
    return Number(name, scale="none") if kind == "number" else kinds[kind](name)


def encode_rows(
    columns: Columns, encoding: SeriesEncoding, sources: Mapping[str, np.ndarray], in_memory: bool
) -> np.ndarray:
    """Encodes rows of series.

    Args:
      columns: the columns.
      encoding: how.
      sources: by column, (rows,) the row of the file that each row takes its cell from.
      in_memory: whether the features are kept in memory; else they lie in a file.

    Returns:
      (rows, features): float32, or float64 where windows are taken less their last row; where `relative` is
      "difference", numbers less those of the row before.
    """
    dtype = "float64" if encoding.relative == "last" else "float32"
    rows = len(next(iter(sources.values())))
    features, first = new_array((rows, len(encoding.features)), dtype, in_memory), 0
    for encoder in encoding.columns:
        cells = columns.read(encoder.name)[sources[encoder.name]]
        number = isinstance(encoder, NumberEncoder)
        encoded = encoder.scale(cells)[:, None] if number else encoder.encode(cells)  # float64 of numbers
        if number and encoding.relative == "difference":
            encoded = np.diff(encoded, axis=0, prepend=encoded[:1])
        features[:, first : first + encoded.shape[1]] = encoded
        first += encoded.shape[1]
    return features


def require_columns(raw: RawTable, path: Path, names: Sequence[str]) -> None:
    """Raises UserError if a table lacks a column."""
    missing = [name for name in names if name not in raw]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; it has {listed(raw)}{meant(missing[0], raw)}")
