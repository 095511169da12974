"""Tables: one example in a row, cleaned, split, and encoded as the training rows decide."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.reading.category_names import MISSING
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.splitting.advice import advise_on_rare_class
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut, as_rule
from jaxflow.data.splitting.keys import SplitKeys, groups_by_split, make_unique
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.storage.mapped import cached_dataset, mapped_split
from jaxflow.data.tables.cleaning import Outliers, filter_rows
from jaxflow.data.tables.columns import Category, Date, Number
from jaxflow.data.tables.encode import TableEncoding, fit_and_encode, report_table
from jaxflow.data.tables.inputs import check_columns, choose_specs, find_row_numbers, read_numbers, report_counts
from jaxflow.data.tables.missing import null_values, report_absent
from jaxflow.data.tables.raw.columns import RawColumn, read_raw_columns
from jaxflow.data.tables.raw.read import read_table
from jaxflow.data.tables.raw.several_files import files_by_split, read_tables, tables_key
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import ids_from_column, keys_from_cells, read_split_keys, split_rows
from jaxflow.data.tables.target import Task, check_target, read_targets
from jaxflow.data.tables.times import time_column
from jaxflow.data.targets import check_targets, drop_constant_labels, target_names
from jaxflow.errors import UserError, listed
from jaxflow.ranges import Fraction, Seed, check_ranges, check_tuples
from jaxflow.schema import Feature, Schema

# Changes with the way in which the cache holds encoded tables.
CACHE_VERSION = 7


@dataclass(frozen=True)
class Table:
    """A CSV, TSV or Parquet file with one example in a row and a column that is to be predicted."""

    path: str = field(metadata={"identity": False})
    """The file."""
    target: str | tuple[str, ...] = ""
    """Column that is to be predicted, or several of a kind. Rows where one is missing are left out, and counted."""
    task: Task = "auto"
    """Whether the target is one of some classes or a number; auto takes text and few whole numbers for classes. Of
    several that hold 0 and 1 alone (or no and yes) each is a label; labels: any number of them in a cell, red;round."""
    label_separator: str | None = None
    """What separates labels in a cell; None finds ; or | or a comma."""
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
    time_format: str = ""
    """How `time` is written, as Date.format; empty finds it. Where `columns` names it, Date("day", format=...)."""
    split: HoldOut | TimeSplit | KFold | str = HoldOut()
    """How rows are held out, or the column that says so: split="fold" is HoldOut(column="fold"); it is no input."""
    validation: str | None = field(default=None, metadata={"identity": False})
    """File with the rows of the validation split, of the same columns; None where `split` takes them out of `path`."""
    test: str | None = field(default=None, metadata={"identity": False})
    """File with the rows of the test split, likewise."""
    missing: tuple[str, ...] = MISSING
    """What stands for a missing value in a text file; spaces around it do not matter."""
    missing_also: tuple[str, ...] = ()
    """What else does, in Parquet too, for example ("-999", "unknown"); numbers are compared by value."""
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
        check_tuples(self)
        if self.duplicates not in ("keep", "drop"):
            raise UserError(f"data.duplicates is {self.duplicates!r}; it is 'keep' or 'drop'")
        _ = self.dialect  # checks its fields
        time_column(self.time, self.time_format, self.columns)  # checks them
        check_target(self.target, self.task, (self.category, *self.columns))

    @property
    def dialect(self) -> Dialect:
        """How the text file is written, as far as it is said."""
        return Dialect(self.delimiter, self.quotes, self.encoding, self.decimal, self.thousands, self.names)

    def load(self) -> Dataset:
        """Reads, cleans, splits and encodes the table.

        Returns:
          The dataset; its inputs are (rows, features) float32, `input_encoding` encodes new rows in the same way,
          and `excluded` counts rows by the reason why they were left out.

        Raises:
          UserError: the file, or a column, is not what it must be.
        """
        dataset = self._encoded() if self.in_memory else cached_dataset(self._key(), self._encoded)
        report_table(self.path, dataset)
        return validate(dataset)

    def _files(self) -> dict[str, Path]:
        return files_by_split({"train": self.path, "validation": self.validation, "test": self.test})

    def _key(self) -> str:
        """Computes the cache's key of the files and what they become: a changed file is read anew."""
        ids = getattr(self.split, "table", None)
        paths = [*self._files().values(), *([Path(ids)] if ids else [])]
        return tables_key(paths, (CACHE_VERSION, replace(self, path="", in_memory=True)))

    def _encoded(self) -> Dataset:
        raw, numbering, files = self._read()
        report_absent(raw, (*self.missing, *self.missing_also), self.path)
        unsaid = [name for name in self._inputs(raw) if name not in {spec.name for spec in self.columns}]
        report_counts(raw, unsaid, numbering)
        keys = self._keys(raw)
        names, lines = make_unique(keys), raw.first_lines()
        rows, excluded = self._clean(raw)
        ids, keys = [names[row] for row in rows], [keys[row] for row in rows]
        targets, target = read_targets(self.target, self.task, self.label_separator, raw, rows)
        rule, classes = as_rule(self.split), targets if target.kind == "class" else None
        when = time_column(self.time, self.time_format, self.columns)
        by = read_split_keys(rule, raw, rows, SplitKeys(keys, classes=classes), files, self.group, when)
        parts = split_rows(rule, by, ids)
        excluded |= count_unassigned(parts, len(rows))
        if self.outliers is not None:
            named, train = self.outliers.columns, rows[parts["train"]]
            numbers = read_numbers(self.columns, raw, named, self._inputs(raw), rows, train)
            parts, outliers = self.outliers.drop(numbers, parts)
            excluded |= outliers
        where = f"target {listed(self._targets)} of {self.path}"
        targets, target = drop_constant_labels(self.task, targets, target, parts["train"], where)
        check_targets(target, targets, parts, where, "rows", advise_on_rare_class(rule, by, self.task, target.names))
        train = parts["train"]
        specs = choose_specs(self.columns, (self.number, self.category, self.date), raw, self._inputs(raw), rows[train])
        if not specs:
            raise UserError(f"{self.path} has no column left to predict {listed(self._targets)} from")
        inputs, encoders = fit_and_encode(specs, raw, rows, targets, target, train, self.seed, self.in_memory)
        columns = targets.reshape(len(rows), -1) if target.kind == "number" else targets  # numbers (row,) -> (row, 1)
        lines = None if lines is None else lines[rows]
        everything = (ArraySplit if self.in_memory else mapped_split)(inputs, columns, ids, lines)
        encoding = TableEncoding(encoders, self.missing, self.id, self.missing_also, self.dialect)
        schema = Schema(Feature("vector", inputs.shape[1:], "float32", cardinalities=encoding.cardinalities), target)
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        return Dataset(splits, schema, excluded, encoding, groups_by_split(by.groups, parts), by.written_in or None)

    @property
    def _targets(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in target_names(self.target, self.task))

    def raw_columns(self, dataset: Dataset) -> Iterator[RawColumn]:
        """Reads the columns as the file has them, for people.

        Args:
          dataset: what `load` returned; its splits say which rows lie where.

        Yields:
          The target and all columns that may be inputs.
        """
        raw, _, _ = self._read()
        row_of = {name: row for row, name in enumerate(make_unique(self._keys(raw)))}
        parts = {}
        for name, split in dataset.splits.items():
            ids = (split.id(index) for index in range(len(split)))
            parts[name] = np.array([row_of[id_] for id_ in ids if id_ in row_of], int)
        return read_raw_columns(raw, self._inputs(raw), self._targets, self.columns, parts, self.task)

    def _keys(self, raw: RawTable) -> list[str]:
        """Returns what names each row: the column of ids, or a digest that equal rows share."""
        split = [name for name in (self._split_column,) if name in raw]  # it tells no rows apart
        return ids_from_column(self.id, raw) if self.id else keys_from_cells(raw.without(*split))

    def _read(self) -> tuple[RawTable, list[str], list[str] | None]:
        """Reads the table without the columns that number its rows, lists these, and the split of each row's file."""
        how = (self.missing, self.in_memory, self.dialect, self.missing_also, self._targets)
        raw, files = read_tables(self._files(), lambda path: read_table(path, *how), self._targets)
        raw = null_values(raw, self.columns)
        self._check_names(raw)
        named = {*(spec.name for spec in self.columns), *self.required}
        named |= set(self.outliers.columns) if self.outliers else set()
        numbering = find_row_numbers(raw, self._inputs(raw), named)
        return raw.without(*numbering), numbering, files

    def _check_names(self, raw: RawTable) -> None:
        named = {"target": self._targets, "drop": self.drop, "columns": tuple(spec.name for spec in self.columns)}
        named |= {"required": self.required, "outliers.columns": self.outliers.columns if self.outliers else ()}
        named |= {key: (getattr(self, key),) for key in ("id", "group", "time") if getattr(self, key)}
        check_columns(raw, named, self.path, hint=not self.names)
        if both := {*self._targets} & {*map(str.strip, named["columns"])}:
            raise UserError(f"data.columns names {min(both)}, the target; it cannot be an input too")
        if not self._inputs(raw):
            raise UserError(f"{self.path} has no column left to predict {listed(self._targets)} from")

    def _clean(self, raw: RawTable) -> tuple[np.ndarray, dict[str, int]]:
        required, inputs = (*self._targets, *self.required), self._inputs(raw)
        if empty := [name for name in self._targets if raw.missing(name).all()]:
            raise UserError(f"every {empty[0]} in {self.path} is missing; name another target")
        apart = [self.id, None if self._split_column in inputs else self._split_column]
        rows, excluded = filter_rows(raw, required, inputs, self.max_missing_fraction, self.duplicates, apart)
        if len(rows) == 0:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            raise UserError(f"no row of {self.path} is left ({reasons}); ask less of them")
        return rows, excluded

    @property
    def _split_column(self) -> str | None:
        return rule.column if isinstance(rule := as_rule(self.split), HoldOut | KFold) and rule.table is None else None

    def _inputs(self, raw: RawTable) -> list[str]:
        """Lists the columns that the target may be predicted from."""
        no_input = (*self._targets, self.id, self.group, self.time, self._split_column, *self.drop)
        no_input = {name.strip() for name in no_input if name} - {spec.name.strip() for spec in self.columns}
        return [name for name in raw if name not in no_input]
