"""A table's columns become inputs: each is fitted to the training rows, then all rows are encoded, some at a time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.console import say
from jaxflow.data.storage.mapped import new_array
from jaxflow.data.tables.cells import Kind, parse_column
from jaxflow.data.tables.column_encoding import encode, names_of
from jaxflow.data.tables.columns import fit_target_encoding
from jaxflow.data.tables.raw_table import RawTable, own_ids
from jaxflow.data.tables.read import read_table
from jaxflow.errors import UserError
from jaxflow.schema import Target

# What the cells of a fitted column are read as; all others are categories.
KINDS: dict[str, Kind] = {"number": "number", "date": "date"}


def fit_and_encode(
    specs: Sequence[tuple[Any, Kind]],
    raw: RawTable,
    kept: np.ndarray,
    targets: np.ndarray,
    target: Target,
    train: np.ndarray,
    seed: int,
    in_memory: bool,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Fits each column to the training rows alone, and encodes all rows that are kept.

    Args:
      specs: how each column is encoded, and what it holds.
      raw: the table.
      kept: its rows that stay, ascending.
      targets: (kept rows,) classes or numbers.
      target: which of the two.
      train: which of the kept rows are the training rows.
      seed: of the folds of target encoding.
      in_memory: whether the inputs are kept there; else they lie in a file.

    Returns:
      (kept rows, features) float32, and what the columns were fitted to: "columns", and names of their "features".

    Raises:
      UserError: a column holds something else than it must.
    """
    columns, out_of_fold = [], {}
    for spec, kind in specs:
        values = parse_column(raw, spec.name, kind, getattr(spec, "format", ""))[kept[train]]
        if getattr(spec, "encode", None) == "target":
            classes = target.kind == "class"
            fitted, out_of_fold[len(columns)] = fit_target_encoding(spec, values, targets[train], classes, seed)
        else:
            fitted = spec.fit(values)
        columns.append(fitted)
    inputs = _encode(columns, raw, kept, in_memory)
    for place, encoded in out_of_fold.items():
        first = sum(len(names_of(fitted)) for fitted in columns[:place])
        inputs[train, first : first + encoded.shape[1]] = encoded
    return inputs, {"columns": columns, "features": [name for fitted in columns for name in names_of(fitted)]}


def encode_table(encoding: Mapping[str, Any], path: Path) -> tuple[np.ndarray, list[str]]:
    """Reads new rows as a model takes them.

    Args:
      encoding: as `Dataset.input_encoding` of the table that it was trained on.
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
    for column in encoding["columns"]:
        if "categories" in column:
            known = {None, *column["categories"]}
            strange = sum(cell not in known for cell in parse_column(raw, column["name"], "category"))
            if strange:
                say(f"{strange:,} of {raw.rows:,} rows hold a {column['name']} that the model does not know")
    own = encoding["id"]
    ids = own_ids(own, raw) if own in raw else [str(row) for row in range(raw.rows)]
    return _encode(encoding["columns"], raw, np.arange(raw.rows), in_memory=True), ids


def _encode(columns: Sequence[dict[str, Any]], raw: RawTable, kept: np.ndarray, in_memory: bool) -> np.ndarray:
    """Encodes the rows that are kept, (rows, features) float32, a block of the table after the other."""
    inputs = new_array((len(kept), sum(len(names_of(fitted)) for fitted in columns)), "float32", in_memory)
    for block in raw.blocks():
        begin, end = np.searchsorted(kept, (block.first, block.first + block.rows))
        rows = kept[begin:end] - block.first
        parts = []
        for fitted in columns:
            kind = KINDS.get(fitted["kind"], "category")
            parts.append(encode(fitted, parse_column(block, fitted["name"], kind, fitted.get("format", ""))[rows]))
        inputs[begin:end] = np.concatenate(parts, -1)
    return inputs
