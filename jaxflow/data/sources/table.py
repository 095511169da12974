"""Tables: one example in a row, cleaned, split, and encoded as the training rows decide."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.checks import check_classes, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting import HoldOut, KFold, SplitKeys, TimeSplit
from jaxflow.data.storage.cache import cache_key
from jaxflow.data.storage.mapped import cached_dataset, mapped_split
from jaxflow.data.tables.cells import Kind, infer_column_type, parse_column
from jaxflow.data.tables.cleaning import Outliers, filter_rows
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.encode import TableEncoding, fit_and_encode
from jaxflow.data.tables.raw_table import RawTable, ids_from_cells, ids_from_column
from jaxflow.data.tables.read import check_table, read_table
from jaxflow.data.tables.target import read_targets
from jaxflow.errors import UserError, listed
from jaxflow.ranges import Fraction, Seed, check_ranges
from jaxflow.schema import Feature, Schema

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds encoded tables.
CACHE_VERSION = 3


@dataclass(frozen=True)
class Table:
    """A CSV, TSV or Parquet file with one example in a row and a column that is to be predicted."""

    path: str = field(metadata={"identity": False})
    """The file."""
    target: str
    """Column that is to be predicted. Rows where it is missing are left out, and counted."""
    task: Literal["auto", "class", "number"] = "auto"
    """Whether the target is one of some classes or a number; auto takes text and few whole numbers for classes."""
    drop: tuple[str, ...] = ()
    """Columns that are left out."""
    columns: tuple[Number | Category | Date, ...] = ()
    """Number("age", ...), Category("city", ...) or Date("day", ...) for columns that are not encoded as all of their
    kind; also sets the type of a column where it cannot be inferred."""
    number: Number = Number()
    """How columns of numbers are encoded."""
    category: Category = Category()
    """How columns of text are encoded."""
    date: Date = Date()
    """How columns of dates are encoded."""
    id: str | None = None
    """Column that names the rows; None names each by its cells. Splits and predictions go by these names."""
    group: str | None = None
    """Column whose equal values are kept in one split, for example a patient; it is no input."""
    time: str | None = None
    """Column of dates or numbers for split TimeSplit; it is no input unless `columns` names it."""
    split: HoldOut | TimeSplit | KFold = HoldOut()
    """How rows are held out: HoldOut, TimeSplit or KFold."""
    missing: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
    """What stands for a missing value in a text file."""
    required: tuple[str, ...] = ()
    """Columns whose missing values are not imputed: rows without one are left out, and counted."""
    max_missing_fraction: Fraction = 1.0
    """Fraction of the columns that a row may miss; rows that miss more are left out, and counted."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether rows that equal an earlier one are left out, and counted."""
    outliers: Outliers | None = None
    """Which training rows are left out since a number of theirs lies far out, for example Outliers(); None for none."""
    seed: Seed = 0
    """Seed of the folds of target encoding."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether rows are kept in memory. With False one column at a time is, then the encoded rows are read from the
    cache's disk batch by batch, for tables larger than memory; the batches are the same."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.duplicates not in ("keep", "drop"):
            raise UserError(f"data.duplicates is {self.duplicates!r}; it is 'keep' or 'drop'")

    def load(self) -> Dataset:
        """Reads, cleans, splits and encodes the table.

        Returns:
          The dataset; its inputs are (rows, features) float32, `input_encoding` encodes new rows in the same way,
          and `excluded` counts rows by the reason why they were left out.

        Raises:
          UserError: the file, or a column, is not what it must be.
        """
        dataset = self._encoded() if self.in_memory else cached_dataset(self._key(), self._encoded)
        counts = "  ".join(f"{name} {len(split):,}" for name, split in dataset.splits.items())
        dropped = "".join(f"; {count:,} left out: {reason}" for reason, count in dataset.excluded.items())
        rows, encoding = sum(map(len, dataset.splits.values())), dataset.input_encoding
        assert isinstance(encoding, TableEncoding)
        features = f"{len(encoding.features)} features of {len(encoding.columns)} columns"
        logger.info(f"{self.path}: {rows:,} rows ({counts}){dropped}; {features}")
        return validate(dataset)

    def _key(self) -> str:
        """Computes the cache's key of the file and what it becomes: a changed file is read anew."""
        path = Path(self.path)
        check_table(path)
        return cache_key(path, (CACHE_VERSION, replace(self, path="", in_memory=True)))

    def _encoded(self) -> Dataset:
        raw = read_table(Path(self.path), self.missing, self.in_memory)
        self._check_names(raw)
        names = ids_from_column(self.id, raw) if self.id else ids_from_cells(raw)
        rows, excluded = self._clean(raw)
        ids = [names[row] for row in rows]
        targets, target = read_targets(self.target, self.task, raw, rows)
        classes = targets if target.kind == "class" else None
        groups = None if self.group is None else [repr(value) for value in raw[self.group][rows]]
        times = None if self.time is None else _times(self.time, raw, rows)
        parts = self.split.split(SplitKeys(ids, groups, classes, times))
        if self.outliers is not None:
            parts, outliers = self.outliers.drop(self._numbers(raw, rows, rows[parts["train"]]), parts)
            excluded |= outliers
        if classes is not None:
            check_classes(target.names, classes, parts, f"target {self.target} of {self.path}", "rows")
        train = parts["train"]
        specs = self._specs(raw, rows[train])
        inputs, encoders = fit_and_encode(specs, raw, rows, targets, target, train, self.seed, self.in_memory)
        columns = targets if classes is not None else targets[:, None]  # (row,) -> (row, 1)
        everything = (ArraySplit if self.in_memory else mapped_split)(inputs, columns, ids)
        encoding = TableEncoding(encoders, self.missing, self.id)
        schema = Schema(Feature("vector", inputs.shape[1:], "float32", cardinalities=encoding.cardinalities), target)
        return Dataset({name: everything.take(chosen) for name, chosen in parts.items()}, schema, excluded, encoding)

    def _check_names(self, raw: RawTable) -> None:
        named = {"target": (self.target,), "drop": self.drop, "columns": tuple(spec.name for spec in self.columns)}
        named |= {"required": self.required, "outliers.columns": self.outliers.columns if self.outliers else ()}
        named |= {key: (getattr(self, key),) for key in ("id", "group", "time") if getattr(self, key)}
        for key, names in named.items():
            for name in names:
                if name not in raw:
                    raise UserError(f"data.{key} names {name!r}, but {self.path} has the columns {listed(raw)}")
        if self.target in named["columns"]:
            raise UserError(f"data.columns names {self.target}, the target; it cannot be an input too")
        if not self._inputs(raw):
            raise UserError(f"{self.path} has no column left to predict {self.target} from")

    def _clean(self, raw: RawTable) -> tuple[np.ndarray, dict[str, int]]:
        required, inputs = (self.target, *self.required), self._inputs(raw)
        if raw.missing(self.target).all():
            raise UserError(f"every {self.target} in {self.path} is missing; name another target")
        rows, excluded = filter_rows(raw, required, inputs, self.max_missing_fraction, self.duplicates, self.id)
        if len(rows) == 0:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            raise UserError(f"no row of {self.path} is left ({reasons}); ask less of them")
        return rows, excluded

    def _inputs(self, raw: RawTable) -> list[str]:
        """Lists the columns that the target may be predicted from."""
        no_input = {self.target, self.id, self.group, self.time, *self.drop} - {spec.name for spec in self.columns}
        return [name for name in raw if name not in no_input]

    def _kind(self, raw: RawTable, name: str, train: np.ndarray) -> Kind:
        """Returns the type of a column: from `columns`, else inferred from the training rows."""
        kinds: dict[type[Spec], Kind] = {Number: "number", Category: "category", Date: "date"}
        named = [kinds[type(spec)] for spec in self.columns if spec.name == name]
        return named[0] if named else infer_column_type(raw, name, train)

    def _numbers(self, raw: RawTable, rows: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the columns that are checked for outliers."""
        numeric = (name for name in self._inputs(raw) if self._kind(raw, name, train) == "number")
        return {name: parse_column(raw, name, "number")[rows] for name in self.outliers.columns or numeric}

    def _specs(self, raw: RawTable, train: np.ndarray) -> list[tuple[Spec, Kind]]:
        """Returns how each input column is encoded, and its type; the training rows decide."""
        named = {spec.name: spec for spec in self.columns}
        specs = []
        for name in self._inputs(raw):
            kind = self._kind(raw, name, train)
            distinct = raw.distinct(name, train)
            if name not in named and (reason := _useless(kind, distinct, len(train))):
                logger.info(f"column {name} is left out: {reason}")
                continue
            default = {"number": self.number, "category": self.category, "date": self.date}
            specs.append((named.get(name) or replace(default[kind], name=name), kind))
        if not specs:
            raise UserError(f"{self.path} has no column left to predict {self.target} from")
        # Category indices come last, where models look for them.
        return sorted(specs, key=lambda spec: getattr(spec[0], "encode", None) == "index")


def _useless(kind: Kind, distinct: int, rows: int) -> str | None:
    if kind == "empty":
        return "it holds nothing"
    if distinct == 1:
        return "it holds one value only"
    if kind == "category" and distinct > rows / 2:
        return f"{distinct:,} different texts in {rows:,} rows say nothing of other rows (data.columns keeps it)"
    return None


def _times(name: str, raw: RawTable, rows: np.ndarray) -> np.ndarray:
    kind = infer_column_type(raw, name, rows)
    if kind not in ("number", "date"):
        raise UserError(f"data.time names {name}, which holds neither dates nor numbers")
    times = parse_column(raw, name, kind)[rows]
    if (times != times).any():  # NaN and NaT
        raise UserError(f"data.time names {name}, where some rows have none; fill them in or leave these rows out")
    return times.astype("int64" if kind == "date" else np.float64)
