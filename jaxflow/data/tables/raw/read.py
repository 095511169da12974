"""Reads tables into columns: text files such as CSV, compressed ones too, and Parquet."""

import csv
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.reading.limits import max_bytes, read_lines
from jaxflow.data.reading.text.dialect import MAX_HEADER, Dialect, find_delimiter, skip_lines
from jaxflow.data.reading.text.explain import explain_ragged, explain_title
from jaxflow.data.reading.text.files import NAME_IT, find_encoding, find_preamble, open_bytes, open_text, undecodable
from jaxflow.data.reading.text.quotes import check_quotes
from jaxflow.data.reading.text.rows import report_blank_lines
from jaxflow.data.storage.mapped import new_file
from jaxflow.data.tables.missing import check_marks, null_marks
from jaxflow.data.tables.raw.parquet import ROW_BYTES, check_names, open_parquet
from jaxflow.data.tables.raw.table import Marks, RawTable, TableFile
from jaxflow.errors import MAX_COMPARED, UserError, perhaps, reason

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
    check_marks("missing", missing)
    check_marks("missing_also", missing_also)
    try:
        with ExitStack() as files:
            if path.suffix.lower() == ".parquet":
                (schema, batches), marks = open_parquet(path), missing_also
            else:
                dialect = replace(dialect, delimiter=find_delimiter(path, dialect, columns))
                (schema, batches), marks = _open_text(path, dialect, files, columns), (*missing, *missing_also)
            schema = pyarrow.schema([field.with_name(field.name.strip()) for field in schema])
            found: set[str] = set()
            batches = _limited((_with_missing(batch, schema, marks, found) for batch in batches), in_memory)
            table = pyarrow.Table.from_batches(batches, schema) if in_memory else _on_disk(batches, schema)
    except UserError:
        raise
    except Exception as error:  # Arrow's and csv's, of the disk, of dates and numbers that Python lacks, of memory
        why = reason(error)[:200]
        if "utf" in why.lower() or isinstance(error, UnicodeError):
            where = undecodable(path, dialect.encoding)
            why = f"{where and f'{where} is '}invalid {dialect.encoding or 'UTF8'} data; save it as UTF-8, {NAME_IT}"
        if "Expected" in why and "columns, got" in why:
            why = explain_ragged(path, dialect, columns) or why
        raise UserError(f"{path} cannot be read as a table: {why}") from error
    if table.num_rows == 0:
        raise UserError(f"{path} has no rows; it needs a line of column names and examples below it")
    files = (TableFile(path, dialect, table.num_rows),)
    raw = RawTable(table, 0, dialect, files, Marks(tuple(marks), frozenset(found)))
    if path.suffix.lower() != ".parquet":
        _check_repeated_names(raw, path)
    return raw


def _check_repeated_names(raw: RawTable, path: Path) -> None:
    """Raises UserError if a row of a text file repeats the names of the columns, as files that were joined do."""
    from pyarrow import compute

    rows = np.arange(0 if any(name[:1].isdigit() for name in raw) else raw.rows)  # numbers are no names but a row
    for name in raw:  # ends at the first column in most tables
        found = compute.equal(compute.utf8_trim_whitespace(raw.column(name).take(rows)), name)
        rows = rows[compute.fill_null(found, False).to_numpy().astype(bool)]
        if not len(rows):
            return
    if len(raw) > 1:
        where = f"{path}, {raw.row_name(rows[0])}"
        raise UserError(f"{where}: it repeats the names of the columns ({len(rows):,} rows do); leave them out")


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


def _with_missing(
    batch: "pyarrow.RecordBatch", schema: "pyarrow.Schema", marks: Sequence[str], found: set[str]
) -> "pyarrow.RecordBatch":
    """Returns a batch under the names of a schema, null where a cell is a mark of what is missing; adds to `found`."""
    import pyarrow

    columns = [null_marks(column, marks, found) if marks else column for column in batch.columns]
    return pyarrow.record_batch(columns, schema)


def check_table(path: Path) -> None:
    """Raises UserError if there is no file."""
    if path.is_dir():
        inside = (
            each for each in itertools.islice(path.iterdir(), MAX_COMPARED) if each.suffix in (".csv", ".parquet")
        )
        first = min(inside, default=None)
        raise UserError(f"{path} is a folder, and a table is a file: name it{'' if first is None else f', {first}'}")
    if not path.is_file():
        near = perhaps(path, Path.is_file)
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file{near}")


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


def _open_text(
    path: Path, dialect: Dialect, files: ExitStack, columns: Sequence[str]
) -> "tuple[pyarrow.Schema, Iterable[pyarrow.RecordBatch]]":
    """Opens a file, which `files` closes: its schema, and its rows in batches of texts; types are inferred later."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    header, skipped = _header(path, dialect)
    known = header.count("") < 2 and {*columns} <= {*header}
    if not known and (title := explain_title(path, dialect, columns)):
        raise UserError(f"{path}, {title}")
    check_names(path, header)
    check_quotes(path, dialect.delimiter or ",", dialect)
    report_blank_lines(path, dialect)
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
            delimiter=dialect.delimiter,
            quote_char='"' if dialect.quotes else False,
            newlines_in_values=dialect.quotes,
            invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
        ),
        arrow_csv.ConvertOptions(
            null_values=[], strings_can_be_null=False, column_types=dict.fromkeys(header, pyarrow.string())
        ),
    )
    return reader.schema, reader


def _header(path: Path, dialect: Dialect) -> tuple[Sequence[str], int]:
    """Returns the names of a file's columns, and the number of lines before them; before the first row if given."""
    skipped, _ = find_preamble(path, dialect.encoding, dialect.delimiter or ",")
    with open_text(path, dialect.encoding) as file:
        skip_lines(file, 0 if dialect.names else skipped)
        lines = read_lines(file, path, MAX_HEADER)
        rows = csv.reader(lines, delimiter=dialect.delimiter or ",", quoting=dialect.quoting)
        if not dialect.names:
            return next((row for row in rows if row), []), skipped
        skipped = _lines_above(rows, dialect.names)
    if skipped is None:
        raise UserError(
            f"{path} has no row of {len(dialect.names)} cells, and data.names names so many columns; correct it"
        )
    if skipped:
        logger.info(f"{path}: {skipped} lines before the first row are not used")
    return dialect.names, skipped


def _lines_above(rows: "csv.Reader", names: Sequence[str]) -> int | None:
    """Returns the number of lines above the first row of so many cells, titles and the names among them; None of none.

    A row with one cell that is not empty is a title where the names are written below it.
    """
    before, first = 0, None
    for row in rows:
        if len(row) == len(names):
            if [cell.strip() for cell in row] == list(names):
                return rows.line_num
            first = before if first is None else first
            if sum(bool(cell.strip()) for cell in row) > 1 or len(names) == 1:
                return first
        before = rows.line_num
    return first
