"""Reads tables into columns: CSV, TSV and Parquet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from csv import reader as text_rows
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.reading.limits import check_bytes, max_bytes, read_lines
from jaxflow.data.storage.mapped import new_file
from jaxflow.data.tables.raw_table import BLOCK_ROWS, RawTable
from jaxflow.errors import UserError, reason

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Bytes of a text file that are read at once.
BLOCK_BYTES = 1 << 26
# Characters of a line of column names, and columns, at most: each column takes 5 KB while a file is read.
MAX_HEADER, MAX_COLUMNS = 1 << 24, 100_000
# What is kept of each row wherever the table lies, its name above all, and of a cell of the column that is looked at.
ROW_BYTES, CELL_BYTES = 100, 8


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
        batches = _limited(batches, in_memory)
        if in_memory:
            table = pyarrow.Table.from_batches(batches, schema)
        else:
            with new_file() as file:
                with ipc.new_file(pyarrow.PythonFile(file, "w"), schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)
                file.flush()
                table = ipc.open_file(pyarrow.py_buffer(np.memmap(file, np.uint8, "r"))).read_all()
    except UserError:
        raise
    except Exception as error:  # Arrow's and csv's, of the disk, of dates and numbers that Python lacks, of memory
        why = reason(error)[:200]
        hint = "; save it as UTF-8" if "utf" in why.lower() else ""
        raise UserError(f"{path} cannot be read as a table: {why}{hint}") from error
    if table.num_rows == 0:
        raise UserError(f"{path} has no rows; it needs a line of column names and examples below it")
    return RawTable(table)


def check_table(path: Path) -> None:
    """Raises UserError if there is no file."""
    if not path.is_file():
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file")


def _check_names(path: Path, names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise UserError(f"{path} has {len(names):,} columns, and a table may have {MAX_COLUMNS:,}; divide it")
    duplicate, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UserError(f"{path} has two columns named {duplicate!r}; rename one")


def _limited(batches: "Iterable[pyarrow.RecordBatch]", in_memory: bool) -> "Iterator[pyarrow.RecordBatch]":
    """Yields batches as long as one file may take what all of them take."""
    total = 0
    for batch in batches:
        total += ROW_BYTES * batch.num_rows + (batch.nbytes if in_memory else 0)
        if total > max_bytes():
            raise ValueError(
                f"it takes more than the {max_bytes():,} bytes of memory that a file may take (JAXFLOW_MAX_FILE_BYTES);"
                " leave it on disk: --data.in_memory=False"
            )
        yield batch


def _parquet(path: Path) -> "tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]":
    """Opens a file: its schema, and its rows in batches, in types that hold each cell as such."""
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        metadata, fields = file.metadata, file.schema_arrow
    _check_names(path, fields.names)
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    cells = [group.column(number).num_values for group in groups for number in range(metadata.num_columns)]
    check_bytes(max([ROW_BYTES * metadata.num_rows, *(CELL_BYTES * count for count in cells)]))
    # A few bytes may stand for a text in a million rows: it is repeated only when it is known how long it is.
    coded = [field.name for field in fields if _is_text(field.type)]
    file = parquet.ParquetFile(path, read_dictionary=coded)
    schema = pyarrow.schema([(field.name, _plain(field.type)) for field in fields])

    def batches() -> "Iterator[pyarrow.RecordBatch]":
        for batch in file.iter_batches(BLOCK_ROWS):
            check_bytes(sum(map(_repeated_bytes, batch.columns)))
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


def _repeated_bytes(column: "pyarrow.Array") -> int:
    """Returns the bytes of a coded column's texts, each as often as it occurs; 0 of other columns."""
    import pyarrow
    from pyarrow import compute

    if not (pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return 0
    lengths = compute.binary_length(column.dictionary).cast(pyarrow.int64())
    return compute.sum(lengths.take(column.indices)).as_py() or 0


def _is_text(type_: "pyarrow.DataType") -> bool:
    from pyarrow import types

    return any(of(type_) for of in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


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
        header = next((row for row in text_rows(read_lines(file, path, MAX_HEADER), delimiter=delimiter) if row), [])
    _check_names(path, header)
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
