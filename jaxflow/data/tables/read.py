"""Reads tables into columns: CSV, TSV and Parquet."""

from collections.abc import Iterator, Sequence
from csv import reader as text_rows
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.storage.mapped import new_file
from jaxflow.data.tables.raw_table import BLOCK_ROWS, RawTable
from jaxflow.errors import UserError

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Bytes of a text file that are read at once.
BLOCK_BYTES = 1 << 26


def read_table(path: Path, missing: Sequence[str], in_memory: bool = True) -> RawTable:
    """Reads a file into columns.

    Args:
      path: a .csv, .tsv or .parquet file; the first line of a text file names the columns.
      missing: what stands for a missing value in a text file.
      in_memory: whether the columns are kept in memory. Otherwise they are mapped from a file of the cache's disk,
        which is deleted with the table.

    Returns:
      The table.

    Raises:
      UserError: the file is missing, or is no such table.
    """
    import pyarrow
    from pyarrow import ipc

    check_table(path)
    try:
        schema, batches = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path, missing)
        duplicate = next((name for name in schema.names if schema.names.count(name) > 1), None)
        if duplicate is not None:
            raise UserError(f"{path} has two columns named {duplicate!r}; rename one")
        if in_memory:
            table = pyarrow.Table.from_batches(batches, schema)
        else:
            with new_file() as file:
                with ipc.new_file(pyarrow.PythonFile(file, "w"), schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)
                file.flush()
                table = ipc.open_file(pyarrow.py_buffer(np.memmap(file, np.uint8, "r"))).read_all()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        hint = "; save it as UTF-8" if "utf" in reason.lower() else ""
        raise UserError(f"{path} cannot be read as a table: {reason}{hint}") from error
    if table.num_rows == 0:
        raise UserError(f"{path} has no rows; it needs a line of column names and examples below it")
    return RawTable(table)


def check_table(path: Path) -> None:
    """Raises UserError if there is no file."""
    if not path.is_file():
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file")


def _parquet(path: Path) -> "tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]":
    """Opens a file: its schema, and its rows in batches, in types that hold each cell as such."""
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    schema = pyarrow.schema([(field.name, _plain(field.type)) for field in file.schema_arrow])

    def batches() -> "Iterator[pyarrow.RecordBatch]":
        for batch in file.iter_batches(BLOCK_ROWS):
            columns = [_cast(column, type_) for column, type_ in zip(batch.columns, schema.types)]
            yield pyarrow.record_batch(columns, schema)

    return schema, batches()


def _plain(type_: "pyarrow.DataType") -> "pyarrow.DataType":
    """Returns the type that a Parquet column is read as: text also where it is coded or nested, times without zone."""
    from pyarrow import string, timestamp, types

    if types.is_dictionary(type_):
        return _plain(type_.value_type)
    if any(of(type_) for of in (types.is_nested, types.is_large_string, types.is_string_view, types.is_null)):
        return string()
    return timestamp("us") if types.is_timestamp(type_) else type_


def _cast(column: "pyarrow.Array", type_: "pyarrow.DataType") -> "pyarrow.Array":
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_floating(column.type):
        return compute.if_else(compute.is_nan(column), None, column)  # NaN is how others write what is missing
    if pyarrow.types.is_nested(column.type):
        return pyarrow.array([None if cell is None else str(cell) for cell in column.to_pylist()], type_)
    return column.cast(type_, safe=False)  # nanoseconds, which Python does not have, are truncated


def _text(path: Path, missing: Sequence[str]) -> "tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]":
    """Opens a file: its schema, and its rows in batches. Every column is text; its type is inferred later."""
    import pyarrow
    from pyarrow import csv

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next((row for row in text_rows(file, delimiter=delimiter) if row), [])
    reader = csv.open_csv(
        path,
        # One thread: a ragged row is then named by its number.
        csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        csv.ConvertOptions(
            null_values=list(missing), strings_can_be_null=True, column_types=dict.fromkeys(header, pyarrow.string())
        ),
    )
    return reader.schema, reader
