"""Cells of new rows that are not written as those of training were."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from jaxflow.data.numbers import NumberFormat
from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.encoders import CategoryEncoder, DateEncoder, Encoder, NumberEncoder
from jaxflow.data.tables.forms import read_or_none, reader_of
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError


def readable_rows(columns: Sequence[Encoder], block: RawTable, path: Path, bad: list[str] | None) -> np.ndarray:
    """Returns the rows of a block that are encoded, ascending.

    Args:
      columns: the encoders of the columns.
      block: the block.
      path: of its file.
      bad: gets what is wrong with each row that holds a cell that cannot be read; None where all rows are encoded.
    """
    good = np.ones(block.rows, bool)
    if bad is None:
        return np.flatnonzero(good)
    for encoder in columns:
        if isinstance(encoder, CategoryEncoder):
            continue
        try:
            parse_column(block, encoder.name, encoder.cells, encoder.format)
        except UserError:
            wrong, cells = _unreadable(encoder, block), block[encoder.name]
            for row in np.flatnonzero(good & np.array([cell in wrong for cell in cells])):
                bad.append(f"{path}, {block.row_name(int(row))}: {cells[row]!r} is no {encoder.cells} ({encoder.name})")
                good[row] = False
    return np.flatnonzero(good)


def notation_of_training(columns: Sequence[Encoder], block: RawTable) -> str:
    """Returns how the first column with a cell that cannot be read was written in training, for an error; else ""."""
    for encoder in columns:
        if not isinstance(encoder, CategoryEncoder) and _unreadable(encoder, block):
            return f"; the model was trained on {_written(encoder)} in {encoder.name}"
    return ""


def _unreadable(encoder: NumberEncoder | DateEncoder, block: RawTable) -> set[object]:
    """Returns the different cells of an encoder's column that are not written as those of training were."""
    reads = reader_of(encoder.cells, encoder.format)
    return {cell for cell in block.cells(encoder.name) if read_or_none(reads, cell) is None}


def _written(encoder: NumberEncoder | DateEncoder) -> str:
    """Returns how the cells of a column were written in training, by an example: "numbers such as 1234.5"."""
    form = encoder.format
    if isinstance(form, NumberFormat):
        return f"numbers such as 1{form.thousands}234{form.decimal}5{f' {form.unit}' if form.unit else ''}"
    if "%" in form and "%q" not in form:
        return f"dates such as {date(2023, 12, 31).strftime(form)} ({form})"
    return f"dates written as {form}" if form else "dates such as 2023-12-31"
