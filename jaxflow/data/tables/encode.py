"""A table's columns become inputs: each is fitted to the training rows, then all rows are encoded, some at a time."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.reading.category_names import category_key
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.storage.mapped import new_array
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.columns import Category, Date, Spec, fit_target_encoder
from jaxflow.data.tables.encoders import CategoryEncoder, DateEncoder, Encoder, IndexEncoder, NumberEncoder
from jaxflow.data.tables.forms import Kind, find_form, report_form
from jaxflow.data.tables.missing import null_values
from jaxflow.data.tables.notation import notation_of_training, readable_rows
from jaxflow.data.tables.raw.read import BLOCK_BYTES, read_table
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.split_keys import ids_from_column
from jaxflow.errors import UserError, listed, meant
from jaxflow.schema import Target

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class TableEncoding:
    """How rows of a table become inputs, as fitted to the training rows.

    Attributes:
      columns: the encoder of each column that is an input, in the order of the features.
      missing_values: texts that stand for a missing value.
      id: the column that names the rows; None where there is none.
      missing_also: further texts and numbers that do, in Parquet too.
      dialect: how a text file is written, as far as the source said it.
    """

    columns: tuple[Encoder, ...]
    missing_values: tuple[str, ...]
    id: str | None
    missing_also: tuple[str, ...] = ()
    dialect: Dialect = Dialect()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(name for encoder in self.columns for name in encoder.names)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of different indices of each column that a model embeds."""
        return tuple(encoder.cardinality for encoder in self.columns if isinstance(encoder, IndexEncoder))


def _advise_on_cell(spec: Spec, kind: Kind) -> str:
    """Returns what to do with a training row's cell that is not of the kind that the experiment says."""
    said = f"Date({spec.name!r}, format={spec.format!r})" if isinstance(spec, Date) and spec.format else ""
    way = f"change or drop {said}" if said else f"drop {kind.title()}({spec.name!r})"
    return f"correct it, leave it empty, or {way}"


def fit_and_encode(
    specs: Sequence[tuple[Spec, Kind]],
    raw: RawTable,
    rows: np.ndarray,
    targets: np.ndarray,
    target: Target,
    train: np.ndarray,
    seed: int,
    in_memory: bool,
) -> tuple[np.ndarray, tuple[Encoder, ...]]:
    """Fits an encoder for each column to the training rows alone, and encodes all rows.

    Args:
      specs: how each column is encoded, and what it holds.
      raw: the table.
      rows: indices of its rows that are used, ascending.
      targets: (rows,) class indices or values.
      target: which of the two.
      train: which of `rows` are the training rows.
      seed: seed of the folds of target encoding.
      in_memory: whether the inputs are kept in memory; else they lie in a file.

    Returns:
      (rows, features) float32, and the encoders.

    Raises:
      UserError: a column holds something else than it must.
    """
    encoders, out_of_fold = [], {}
    for spec, kind in specs:
        form = (spec.format if isinstance(spec, Date) else "") or find_form(raw, spec.name, kind, rows[train])
        report_form(raw, spec.name, form, rows[train])
        values = parse_column(raw, spec.name, kind, form, rows[train], _advise_on_cell(spec, kind))
        if isinstance(spec, Category) and spec.encode == "target":
            classes = target.kind == "class"
            encoder, out_of_fold[len(encoders)] = fit_target_encoder(spec, values, targets[train], classes, seed)
        else:
            encoder = spec.fit(values)
            if isinstance(encoder, NumberEncoder | DateEncoder):
                encoder = replace(encoder, format=form)
        encoders.append(encoder)
    inputs = _encode(encoders, raw, rows, in_memory)
    for position, encoded in out_of_fold.items():
        first = sum(len(encoder.names) for encoder in encoders[:position])
        inputs[train, first : first + encoded.shape[1]] = encoded
    return inputs, tuple(encoders)


def report_table(path: str, dataset: Dataset) -> None:
    """Logs how many rows lie in each split, how many are left out and why, and how many features they have."""
    counts = "  ".join(f"{name} {len(split):,}" for name, split in dataset.splits.items())
    dropped = "".join(f"; {count:,} left out: {reason}" for reason, count in dataset.excluded.items())
    rows, encoding = sum(map(len, dataset.splits.values())), dataset.input_encoding
    features = f"{len(encoding.features)} features of {len(encoding.columns)} columns"
    logger.info(f"{path}: {rows:,} rows ({counts}){dropped}; {features}")


def encode_table(
    encoding: TableEncoding, path: Path, bad: list[str] | None = None
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Reads new rows as a model takes them, one block of the table after the other.

    Args:
      encoding: as fitted to the table that the model was trained on.
      path: a table with at least the columns that were inputs; one larger than a block is mapped from disk.
      bad: gets what is wrong with each row that holds a cell that cannot be read, which is left out; None raises it
        instead.

    Yields:
      (rows, features) float32, and a name for each row.

    Raises:
      UserError: a column is missing, or holds something else.
    """
    small = path.is_file() and path.stat().st_size <= BLOCK_BYTES
    names = [encoder.name.strip() for encoder in encoding.columns]
    raw = read_table(path, encoding.missing_values, small, encoding.dialect, encoding.missing_also, names)
    raw = null_values(
        raw, forms={each.name: each.format for each in encoding.columns if not isinstance(each, CategoryEncoder)}
    )
    absent = [encoder.name for encoder in encoding.columns if encoder.name not in raw]
    if absent:
        raise UserError(
            f"{path} has no column {listed(absent)}{meant(absent[0], raw)}; the model takes what it was trained on"
        )
    ids = ids_from_column(encoding.id, raw) if encoding.id in raw else _row_names(raw)
    unknown = {encoder.name: 0 for encoder in encoding.columns if isinstance(encoder, CategoryEncoder)}
    empty: list[str] = []
    for block in raw.blocks():
        for encoder in encoding.columns:
            if isinstance(encoder, CategoryEncoder):
                known = set(map(category_key, encoder.categories))
                counts = Counter(_read_column(encoder, block))
                unknown[encoder.name] += sum(
                    count for cell, count in counts.items() if cell is not None and category_key(cell) not in known
                )
        named, good = ids[block.first : block.first + block.rows], readable_rows(encoding.columns, block, path, bad)
        nothing = np.logical_and.reduce([block.missing(encoder.name) for encoder in encoding.columns])
        empty += [named[row] for row in good if nothing[row]]
        if len(good):
            try:
                inputs = _encode_block(encoding.columns, block, good)
            except UserError as error:
                raise UserError(f"{error}{notation_of_training(encoding.columns, block)}") from error
            yield inputs, [named[row] for row in good]
    if empty:
        logger.warning(
            f"{len(empty):,} of {raw.rows:,} rows of {path} hold none of the columns that the model takes, the first "
            f"{empty[0]}: what is predicted for them is that of a row of missing values"
        )
    for name, count in unknown.items():
        if count:
            logger.info(f"{count:,} of {raw.rows:,} rows hold a {name} that the model does not know")


def _row_names(raw: RawTable) -> list[str]:
    """Returns a name for each row of a table without ids: the line of its file where it begins, or its number."""
    lines = raw.first_lines()
    return [f"row {row + 1}" for row in range(raw.rows)] if lines is None else [f"line {line}" for line in lines]


def _read_column(encoder: Encoder, raw: RawTable, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Reads some rows of the column of an encoder: (rows,) values as its `encode` takes them."""
    if isinstance(encoder, CategoryEncoder):  # all rows say what its categories are called
        return parse_column(raw, encoder.name, encoder.cells, "")[rows]
    return parse_column(raw, encoder.name, encoder.cells, encoder.format, rows)


def _encode(encoders: Sequence[Encoder], raw: RawTable, rows: np.ndarray, in_memory: bool) -> np.ndarray:
    """Encodes rows of a table, (rows, features) float32, one block of the table after the other."""
    inputs = new_array((len(rows), sum(len(encoder.names) for encoder in encoders)), "float32", in_memory)
    for block in raw.blocks():
        begin, end = np.searchsorted(rows, (block.first, block.first + block.rows))
        inputs[begin:end] = _encode_block(encoders, block, rows[begin:end] - block.first)
    return inputs


def _encode_block(encoders: Sequence[Encoder], block: RawTable, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Encodes rows of a block of a table, (rows, features) float32."""
    return np.concatenate([encoder.encode(_read_column(encoder, block, rows)) for encoder in encoders], -1)
