"""Tables: one example in a row, cleaned, split, and encoded as the training rows decide."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jaxflow.console import say
from jaxflow.data.columns import Category, Date, Number, encode, fit_target_encoding, names_of, natural_order
from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.data.splitting import Examples, HoldOut
from jaxflow.data.table_files import Kind, kind_of, parse, read_table, row_ids
from jaxflow.errors import UserError

# Distinct numbers up to which a target of whole numbers is taken for classes.
MOST_CLASSES = 20


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
    columns: tuple[Any, ...] = ()
    """Number("age", ...), Category("city", ...) or Date("day", ...) for columns that are not encoded as all of their
    kind; also says what a column holds where that cannot be seen."""
    number: Number = Number()
    """How columns of numbers are encoded."""
    category: Category = Category()
    """How columns of text are encoded."""
    date: Date = Date()
    """How columns of dates are encoded."""
    id: str | None = None
    """Column that names the rows; None names each by what it holds. Splits and predictions go by these names."""
    group: str | None = None
    """Column whose equal values stay in one split, for example a patient; it is no input."""
    time: str | None = None
    """Column of dates or numbers for split InTime; it is no input unless `columns` names it."""
    split: Any = HoldOut()
    """Who is held out: HoldOut, InTime or KFold."""
    missing: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
    """What stands for a missing value in a text file."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether rows that equal an earlier one are left out, and counted."""
    seed: int = 0
    """Seed of the folds of target encoding."""

    def load(self) -> Dataset:
        """Reads, cleans, splits and encodes the table.

        Returns:
          The dataset; its inputs are (rows, features) float32, `encoding` says how new rows become such inputs, and
          `left_out` counts rows by the reason why they were left out.

        Raises:
          UserError: the file, or a column, is not what it must be.
        """
        raw = read_table(Path(self.path), self.missing)
        self._check_names(raw)
        ids = _own_ids(self.id, raw) if self.id else row_ids(raw)
        kept, left_out = self._clean(raw, ids)
        targets, target = self._targets(raw[self.target], kept)
        classes = targets if target.kind == "class" else None
        groups = None if self.group is None else [repr(raw[self.group][row]) for row in kept]
        times = None if self.time is None else _times(self.time, raw[self.time], kept)
        parts = self.split.assign(Examples([ids[row] for row in kept], groups, classes, times))
        if classes is not None:
            _check_classes(classes, target.names, parts)
        specs = self._specs(raw, kept[parts["train"]])
        inputs, encoding = _fit_and_encode(specs, raw, kept, targets, target, parts["train"], self.seed)
        rows = targets if classes is not None else targets.astype(np.float32)[:, None]  # (row,) -> (row, 1)
        everything = ArraySplit(inputs, rows, [ids[row] for row in kept])
        splits = {name: everything.take(chosen) for name, chosen in parts.items()}
        counts = "  ".join(f"{name} {len(chosen):,}" for name, chosen in parts.items())
        dropped = "".join(f"; {count:,} left out: {reason}" for reason, count in left_out.items())
        say(f"{self.path}: {len(kept):,} rows ({counts}){dropped}; {inputs.shape[1]} features of {len(specs)} columns")
        encoding |= {"missing": list(self.missing), "id": self.id}
        schema = Schema(Feature("vector", inputs.shape[1:], "float32"), target)
        return checked(Dataset(splits, schema, left_out, encoding))

    def _check_names(self, raw: Mapping[str, np.ndarray]) -> None:
        named = {"target": (self.target,), "drop": self.drop, "columns": tuple(spec.name for spec in self.columns)}
        named |= {key: (getattr(self, key),) for key in ("id", "group", "time") if getattr(self, key)}
        for key, names in named.items():
            for name in names:
                if name not in raw:
                    raise UserError(f"data.{key} names {name!r}, but {self.path} has the columns {', '.join(raw)}")
        if not set(raw) - {self.target, self.id, self.group, *self.drop}:
            raise UserError(f"{self.path} has no column left to predict {self.target} from")

    def _clean(self, raw: Mapping[str, np.ndarray], ids: Sequence[str]) -> tuple[np.ndarray, dict[str, int]]:
        """Says which rows stay, and counts the others by reason."""
        wanted = np.array([value is not None for value in raw[self.target]])
        left_out = {f"no {self.target}": int((~wanted).sum())}
        if self.duplicates == "drop":
            first = np.zeros(len(ids), bool)
            same = row_ids({name: values for name, values in raw.items() if name != self.id})
            first[[row for row, name in enumerate(same) if "-" not in name]] = True
            left_out["equal to an earlier row"] = int((wanted & ~first).sum())
            wanted &= first
        if not wanted.any():
            raise UserError(f"every {self.target} in {self.path} is missing; name another target")
        return np.flatnonzero(wanted), {reason: count for reason, count in left_out.items() if count}

    def _targets(self, values: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, Target]:
        numeric = self.task != "class" and kind_of(self.target, values, kept) == "number"
        if self.task == "number" or numeric:
            numbers = parse(self.target, values, "number")[kept]
            if np.isnan(numbers).any():
                raise UserError(f"target {self.target} is not finite in row {kept[np.isnan(numbers).argmax()] + 1}")
            few = len(np.unique(numbers)) <= MOST_CLASSES and not (numbers % 1).any()
            if self.task == "number" or not few:
                return numbers, Target("number", (self.target,))
        texts = [str(values[row]) for row in kept]
        names = sorted(set(texts), key=natural_order)
        if len(names) < 2:
            raise UserError(f"target {self.target} has one class only, {names[0]!r}; there is nothing to predict")
        place = {name: index for index, name in enumerate(names)}
        return np.array([place[text] for text in texts], np.int32), Target("class", tuple(names))

    def _specs(self, raw: Mapping[str, np.ndarray], train: np.ndarray) -> list[tuple[Any, Kind]]:
        """Says how each column that is an input is encoded, and what it holds; the training rows decide."""
        own = {spec.name: spec for spec in self.columns}
        no_input = {self.target, self.id, self.group, self.time, *self.drop} - set(own)
        specs = []
        for name in (name for name in raw if name not in no_input):
            kinds = {Number: "number", Category: "category", Date: "date"}
            kind = kinds[type(own[name])] if name in own else kind_of(name, raw[name], train)
            distinct = len({raw[name][row] for row in train} - {None})
            if name not in own and (reason := _useless(kind, distinct, len(train))):
                say(f"column {name} is left out: {reason}")
                continue
            default = {"number": self.number, "category": self.category, "date": self.date}
            specs.append((own.get(name) or replace(default[kind], name=name), kind))
        if not specs:
            raise UserError(f"{self.path} has no column left to predict {self.target} from")
        return specs


def encode_table(encoding: Mapping[str, Any], path: Path) -> tuple[np.ndarray, list[str]]:
    """Reads new rows as a model takes them.

    Args:
      encoding: as `Dataset.encoding` of the table that it was trained on.
      path: a table with at least the columns that were inputs.

    Returns:
      (rows, features) float32, and a name for each row.

    Raises:
      UserError: a column is not there, or holds something else.
    """
    raw = read_table(path, encoding["missing"])
    absent = [column["name"] for column in encoding["columns"] if column["name"] not in raw]
    if absent:
        raise UserError(f"{path} has no column {', '.join(absent)}; the model takes what it was trained on")
    kinds = {"number": "number", "date": "date"}
    parts = [
        encode(c, parse(c["name"], raw[c["name"]], kinds.get(c["kind"], "category"), c.get("format", "")))
        for c in encoding["columns"]
    ]
    own = encoding["id"]
    return np.concatenate(parts, -1), _own_ids(own, raw) if own in raw else [str(row) for row in range(len(parts[0]))]


def _fit_and_encode(
    specs: Sequence[tuple[Any, Kind]],
    raw: Mapping[str, np.ndarray],
    kept: np.ndarray,
    targets: np.ndarray,
    target: Target,
    train: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Fits each column to the training rows alone, and encodes all rows that are kept."""
    parts, columns = [], []
    for spec, kind in specs:
        values = parse(spec.name, raw[spec.name], kind, getattr(spec, "format", ""))[kept]
        if getattr(spec, "encode", None) == "target":
            fitted, own = fit_target_encoding(spec, values[train], targets[train], target.kind == "class", seed)
            encoded = encode(fitted, values)
            encoded[train] = own
        else:
            fitted = spec.fit(values[train])
            encoded = encode(fitted, values)
        parts.append(encoded)
        columns.append(fitted)
    features = [name for fitted in columns for name in names_of(fitted)]
    return np.concatenate(parts, -1), {"columns": columns, "features": features}


def _useless(kind: Kind, distinct: int, rows: int) -> str | None:
    if kind == "empty":
        return "it holds nothing"
    if distinct == 1:
        return "it holds one value only"
    if kind == "category" and distinct > rows / 2:
        return f"{distinct:,} different texts in {rows:,} rows say nothing of other rows (data.columns keeps it)"
    return None


def _own_ids(name: str, raw: Mapping[str, np.ndarray]) -> list[str]:
    ids = ["" if value is None else str(value) for value in raw[name]]
    double, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise UserError(f"column {name} names two rows {double!r}; ids differ: name another column, or none")
    return ids


def _times(name: str, values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    kind = kind_of(name, values, kept)
    if kind not in ("number", "date"):
        raise UserError(f"data.time names {name}, which holds neither dates nor numbers")
    times = parse(name, values, kind)[kept]
    if (times != times).any():  # NaN and NaT
        raise UserError(f"data.time names {name}, where some rows have none; fill them in or leave these rows out")
    return times.astype("int64" if kind == "date" else np.float64)


def _check_classes(classes: np.ndarray, names: Sequence[str], parts: Mapping[str, np.ndarray]) -> None:
    known = set(classes[parts["train"]].tolist())
    for part, chosen in parts.items():
        unknown = set(classes[chosen].tolist()) - known
        if unknown:
            raise UserError(
                f"class {names[min(unknown)]!r} is in the {part} split and not in train; give more examples of it, or "
                "stratify: split=HoldOut(stratify=True)"
            )
