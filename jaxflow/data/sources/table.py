"""Tables: one example in a row, cleaned, split, and encoded as the training rows decide."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting.advice import advise_on_rare_class
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut, as_rule
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.storage.cache import cache_key
from jaxflow.data.storage.mapped import cached_dataset, mapped_split
from jaxflow.data.tables.cells import Kind, infer_column_type, parse_column
from jaxflow.data.tables.cleaning import Outliers, filter_rows
from jaxflow.data.tables.columns import Category, Date, Number, Spec
from jaxflow.data.tables.encode import TableEncoding, fit_and_encode
from jaxflow.data.tables.raw_table import RawTable, ids_from_cells, ids_from_column
from jaxflow.data.tables.read import check_table
from jaxflow.data.tables.several_files import read_tables
from jaxflow.data.tables.split_keys import read_split_keys
from jaxflow.data.tables.target import read_targets
from jaxflow.data.targets import check_targets, target_names
from jaxflow.errors import UserError, listed
from jaxflow.ranges import Fraction, Seed, check_ranges
from jaxflow.schema import Feature, Schema

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds encoded tables.
CACHE_VERSION = 2


@dataclass(frozen=True)
class Table:
    """A CSV, TSV or Parquet file with one example in a row and a column that is to be predicted."""

    path: str = field(metadata={"identity": False})
    """The file."""
    target: str | tuple[str, ...]
    """Column that is to be predicted, or several of a kind. Rows where one is missing are left out, and counted."""
    task: Literal["auto", "class", "label", "number"] = "auto"
    """Whether the target is one of some classes or a number; auto takes text and few whole numbers for classes. Of
    several targets that hold 0 and 1 alone (or no and yes), each is a label that holds or not."""
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
    split: HoldOut | TimeSplit | KFold | str = HoldOut()
    """How rows are held out: HoldOut, TimeSplit or KFold; or the column that says so, split="fold", which is short for
    HoldOut(column="fold") and is no input."""
    validation: str | None = field(default=None, metadata={"identity": False})
    """File with the rows of the validation split, of the same columns; None where `split` takes them out of `path`."""
    test: str | None = field(default=None, metadata={"identity": False})
    """File with the rows of the test split, likewise."""
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
        target_names(self.target, self.task)
        several = not isinstance(self.target, str)
        if several and any(getattr(spec, "encode", "") == "target" for spec in (self.category, *self.columns)):
            raise UserError("Category(encode='target') encodes by one target, and data.target has several; use another")

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

    def _files(self) -> dict[str, Path]:
        files = {"train": self.path, "validation": self.validation, "test": self.test}
        return {split: Path(path) for split, path in files.items() if path is not None}

    def _key(self) -> str:
        """Computes the cache's key of the files and what they become: a changed file is read anew."""
        paths = [*self._files().values(), *map(Path, filter(None, [getattr(self.split, "table", None)]))]
        for path in paths:
            check_table(path)
        how = (CACHE_VERSION, replace(self, path="", in_memory=True))
        return cache_key(paths[0], how, (".", *(str(path.absolute()) for path in paths[1:])))

    def _encoded(self) -> Dataset:
        raw, files = read_tables(self._files(), self.missing, self.in_memory)
        self._check_names(raw)
        names = ids_from_column(self.id, raw) if self.id else ids_from_cells(raw)
        rows, excluded = self._clean(raw)
        ids = [names[row] for row in rows]
        targets, target = read_targets(self.target, self.task, raw, rows)
        rule, classes = as_rule(self.split), targets if target.kind == "class" else None
        keys = read_split_keys(rule, raw, rows, SplitKeys(ids, classes=classes), files, self.group, self.time)
        parts = rule.split(keys)
        excluded |= count_unassigned(parts, len(rows))
        if self.outliers is not None:
            parts, outliers = self.outliers.drop(self._numbers(raw, rows, rows[parts["train"]]), parts)
            excluded |= outliers
        where, advice = f"target {self._target_names} of {self.path}", advise_on_rare_class(rule, keys)
        check_targets(target, targets, parts, where, "rows", advice)
        train = parts["train"]
        specs = self._specs(raw, rows[train])
        inputs, encoders = fit_and_encode(specs, raw, rows, targets, target, train, self.seed, self.in_memory)
        # Numbers (row,) -> (row, 1); several targets are (row, target) already.
        columns = targets.reshape(len(rows), -1).astype(np.float32) if target.kind == "number" else targets
        everything = (ArraySplit if self.in_memory else mapped_split)(inputs, columns, ids)
        encoding = TableEncoding(encoders, self.missing, self.id)
        schema = Schema(Feature("vector", inputs.shape[1:], "float32", cardinalities=encoding.cardinalities), target)
        return Dataset({name: everything.take(chosen) for name, chosen in parts.items()}, schema, excluded, encoding)

    @property
    def _target_names(self) -> str:
        return ", ".join(target_names(self.target, self.task))

    def _check_names(self, raw: RawTable) -> None:
        targets = target_names(self.target, self.task)
        named = {"target": targets, "drop": self.drop, "columns": tuple(spec.name for spec in self.columns)}
        named |= {"required": self.required, "outliers.columns": self.outliers.columns if self.outliers else ()}
        named |= {key: (getattr(self, key),) for key in ("id", "group", "time") if getattr(self, key)}
        for key, names in named.items():
            for name in names:
                if name not in raw:
                    raise UserError(f"data.{key} names {name!r}, but {self.path} has the columns {listed(raw)}")
        if both := [name for name in targets if name in named["columns"]]:
            raise UserError(f"data.columns names {both[0]}, the target; it cannot be an input too")
        if not self._inputs(raw):
            raise UserError(f"{self.path} has no column left to predict {self._target_names} from")

    def _clean(self, raw: RawTable) -> tuple[np.ndarray, dict[str, int]]:
        targets, inputs = target_names(self.target, self.task), self._inputs(raw)
        if empty := [name for name in targets if raw.missing(name).all()]:
            raise UserError(f"every {empty[0]} in {self.path} is missing; name another target")
        rows, excluded = filter_rows(
            raw, (*targets, *self.required), inputs, self.max_missing_fraction, self.duplicates, self.id
        )
        if len(rows) == 0:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            raise UserError(f"no row of {self.path} is left ({reasons}); ask less of them")
        return rows, excluded

    def _inputs(self, raw: RawTable) -> list[str]:
        """Lists the columns that the target may be predicted from."""
        rule = as_rule(self.split)
        split = rule.column if isinstance(rule, HoldOut | KFold) and rule.table is None else None
        no_input = {self.id, self.group, self.time, split, *target_names(self.target, self.task), *self.drop}
        no_input -= {spec.name for spec in self.columns}
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
            raise UserError(f"{self.path} has no column left to predict {self._target_names} from")
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
