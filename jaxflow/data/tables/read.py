"""Reads tables into columns: text files such as CSV, compressed ones too, and Parquet."""

import csv
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.reading.category_names import category_name
from jaxflow.data.reading.dialect import MAX_HEADER, Dialect, check_quotes, find_delimiter
from jaxflow.data.reading.limits import max_bytes, read_lines
from jaxflow.data.reading.text_files import NAME_IT, find_encoding, open_bytes, open_text, undecodable
from jaxflow.data.storage.mapped import new_file
from jaxflow.data.tables.dates import read_date
from jaxflow.data.tables.parquet import ROW_BYTES, check_names, open_parquet
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError, reason

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

logger = logging.getLogger("jaxflow")

# Bytes of a text file that are read at once.
BLOCK_BYTES = 1 << 26
# What is found in a file.
DIALECT = Dialect()


def read_table(
    path: Path,
    missing: Sequence[str],
    in_memory: bool = True,
    dialect: Dialect = DIALECT,
    missing_also: Sequence[str] = (),
    columns: Sequence[str] = (),
) -> RawTable:
    """Reads a file into columns.

    Args:
      path: a .parquet file, or a text file such as .csv or .tsv, compressed or not, whose first line names the columns.
      missing: what stands for a missing value in a text file.
      in_memory: whether the columns are kept in memory. Otherwise they are mapped from a file of the cache's disk,
        which is deleted with the table.
      dialect: how a text file is written.
      missing_also: what else stands for a missing value, in Parquet too.
      columns: columns that it has, as far as they are known: they tell what separates them.

    Returns:
      The table; spaces around the names of columns are dropped.

    Raises:
      UserError: the file is missing, or is no such table.
    """
    import pyarrow

    check_table(path)
    try:
        with ExitStack() as files:
            if path.suffix.lower() == ".parquet":
                (schema, batches), marks = open_parquet(path), missing_also
            else:
                dialect = replace(dialect, delimiter=find_delimiter(path, dialect, columns))
                (schema, batches), marks = _open_text(path, dialect, files), (*missing, *missing_also)
            schema = pyarrow.schema([field.with_name(field.name.strip()) for field in schema])
            batches = _limited((_with_missing(batch, schema, marks) for batch in batches), in_memory)
            table = pyarrow.Table.from_batches(batches, schema) if in_memory else _on_disk(batches, schema)
    except UserError:
        raise
    except Exception as error:  # Arrow's and csv's, of the disk, of dates and numbers that Python lacks, of memory
        why = reason(error)[:200]
        if "utf" in why.lower() or isinstance(error, UnicodeError):
            where = undecodable(path, dialect.encoding)
            why = f"{where and f'{where} is '}invalid {dialect.encoding or 'UTF8'} data; save it as UTF-8, {NAME_IT}"
        raise UserError(f"{path} cannot be read as a table: {why}{_ragged(why)}") from error
    if table.num_rows == 0:
        raise UserError(f"{path} has no rows; it needs a line of column names and examples below it")
    return RawTable(table, dialect=dialect)


def _on_disk(batches: "Iterable[pyarrow.RecordBatch]", schema: "pyarrow.Schema") -> "pyarrow.Table":
    """Returns batches as a table that is mapped from a file of the cache's disk, which is deleted with it."""
    import pyarrow
    from pyarrow import ipc

    with new_file() as file:
        with ipc.new_file(pyarrow.PythonFile(file, "w"), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        return ipc.open_file(pyarrow.py_buffer(np.memmap(file, np.uint8, "r"))).read_all()


def _ragged(why: str) -> str:
    """Returns what may be done about a row with too many or too few cells, which Arrow's message names."""
    found = re.search(r"Row #2: Expected (\d+) columns, got (\d+)", why)
    if found and int(found[2]) == int(found[1]) + 1:
        return "; if the rows have a name each, which the first line does not count, give their column one there"
    if "Expected" not in why or "columns" not in why:
        return ""
    return "; correct the line, put quotes around cells that hold what separates them, or name that: data.delimiter"


def _with_missing(
    batch: "pyarrow.RecordBatch", schema: "pyarrow.Schema", marks: Sequence[str]
) -> "pyarrow.RecordBatch":
    """Returns a batch under the names of a schema, null where a cell is a mark of what is missing, by its value."""
    import pyarrow

    columns = [_null_marks(column, marks) if marks else column for column in batch.columns]
    return pyarrow.record_batch(columns, schema)


def _null_marks(column: "pyarrow.Array", marks: Sequence[str]) -> "pyarrow.Array":
    import pyarrow
    from pyarrow import compute, types

    names = {category_name(mark) for mark in marks}
    numbers = [name for name in names if name[-1:].isdigit()]
    if types.is_string(column.type):
        trimmed, spelled = compute.utf8_trim_whitespace(column), {mark.strip() for mark in marks}
        if numbers:  # -999 is -999.0 too
            spelled |= {cell for cell in compute.unique(trimmed).to_pylist() if cell and category_name(cell) in names}
        found = compute.is_in(trimmed, pyarrow.array(sorted(spelled)))
    elif any(of(column.type) for of in (types.is_integer, types.is_floating, types.is_decimal)):
        values = [number for name in numbers if (number := _as_number(name)) is not None]
        found = compute.is_in(column.cast(pyarrow.float64(), safe=False), pyarrow.array(values, pyarrow.float64()))
    elif types.is_boolean(column.type):
        words = {mark.strip().lower() for mark in marks} & {"true", "false"}
        found = compute.is_in(column, pyarrow.array([word == "true" for word in words], pyarrow.bool_()))
    elif types.is_date(column.type) or types.is_timestamp(column.type):
        read = [moment for mark in marks if (moment := _as_moment(mark)) is not None]
        moments = pyarrow.array(read, pyarrow.timestamp("s"))
        found = compute.is_in(column.cast(moments.type, safe=False), moments)
    else:
        return column
    return compute.if_else(found, pyarrow.scalar(None, column.type), column)


def check_table(path: Path) -> None:
    """Raises UserError if there is no file."""
    if not path.is_file():
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file")


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


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _as_moment(text: str) -> np.datetime64 | None:
    try:
        return read_date(text)
    except (ValueError, OverflowError):
        return None


def _open_text(
    path: Path, dialect: Dialect, files: ExitStack
) -> "tuple[pyarrow.Schema, Iterable[pyarrow.RecordBatch]]":
    """Opens a file, which `files` closes: its schema, and its rows in batches of texts; types are inferred later."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    header, skipped = _header(path, dialect)
    check_names(path, header)
    check_quotes(path, dialect.delimiter or ",", dialect)
    encoding = dialect.encoding or find_encoding(path)
    reader = arrow_csv.open_csv(
        files.enter_context(open_bytes(path)),
        # One thread: a ragged row is then named by its number.
        arrow_csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            encoding=encoding.removesuffix("-sig"),
            skip_rows=skipped,
            column_names=list(dialect.names) or None,
        ),
        arrow_csv.ParseOptions(
            delimiter=dialect.delimiter, quote_char='"' if dialect.quotes else False, newlines_in_values=dialect.quotes
        ),
        arrow_csv.ConvertOptions(
            null_values=[], strings_can_be_null=False, column_types=dict.fromkeys(header, pyarrow.string())
        ),
    )
    return reader.schema, reader


def _header(path: Path, dialect: Dialect) -> tuple[Sequence[str], int]:
    """Returns the names of a file's columns; where they are given also the number of lines before the first row."""
    with open_text(path, dialect.encoding) as file:
        lines = read_lines(file, path, MAX_HEADER)
        rows = csv.reader(lines, delimiter=dialect.delimiter or ",", quoting=dialect.quoting)
        if not dialect.names:
            return next((row for row in rows if row), []), 0
        before = 0
        for row in rows:
            if len(row) == len(dialect.names):
                written = tuple(cell.strip() for cell in row) == dialect.names
                skipped = rows.line_num if written else before
                if skipped:
                    logger.info(f"{path}: {skipped} lines before the first row are not used")
                return dialect.names, skipped
            before = rows.line_num
    raise UserError(
        f"{path} has no row of {len(dialect.names)} cells, and data.names names so many columns; correct it"
    )
