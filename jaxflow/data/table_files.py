"""Tables as they lie on disk: CSV and Parquet, read into columns."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from csv import reader as text_rows
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.on_disk import new_file
from jaxflow.data.splitting import numbered
from jaxflow.errors import UserError

# Bytes of a text file, and rows of a table, that are worked on at once.
BLOCK_BYTES = 1 << 26
BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class RawTable(Mapping[str, np.ndarray]):
    """The columns of a file by name, (rows,) objects, None where missing.

    They are strings from text files, from Parquet also numbers, booleans and dates. A column becomes objects when it is
    asked for, so a table that lies on disk is never in memory whole.

    Attributes:
      arrow: the pyarrow.Table.
      first: where its first row stands in the file, from 0.
    """

    arrow: Any
    first: int = 0

    def __getitem__(self, name: str) -> np.ndarray:
        values, first = np.empty(self.rows, object), 0
        for chunk in self.arrow[name].chunks:
            try:
                values[first : first + len(chunk)] = _objects(chunk)
            except (ValueError, OverflowError) as error:  # dates beyond the year 9999, text that is no UTF-8
                where = f"between {self.place(first)} and {self.place(first + len(chunk) - 1)}"
                raise UserError(f"column {name} holds what cannot be read, {where}: {error}; correct it") from error
            first += len(chunk)
        return values

    def __contains__(self, name: object) -> bool:
        return name in self.arrow.column_names

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrow.column_names)

    def __len__(self) -> int:
        return self.arrow.num_columns

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.arrow.num_rows

    def place(self, row: int) -> str:
        """Says where in the file a row stands, for errors."""
        return f"row {self.first + row + 1}"

    def numbers(self, name: str) -> np.ndarray | None:
        """Reads a column of plainly written numbers at once: (rows,) float64, NaN where missing; None of any other."""
        import pyarrow

        column = self.arrow[name]
        readable = (pyarrow.types.is_string, pyarrow.types.is_integer, pyarrow.types.is_floating)
        if not any(of(column.type) for of in readable):
            return None
        try:
            return column.cast(pyarrow.float64()).to_numpy()
        except pyarrow.ArrowException:
            return None

    def missing(self, name: str) -> np.ndarray:
        """Says where a column holds nothing, (rows,) booleans."""
        return self.arrow[name].is_null().to_numpy()

    def distinct(self, name: str, rows: np.ndarray) -> int:
        """Counts the different cells of some rows that hold something."""
        from pyarrow import compute

        return compute.count_distinct(self.arrow[name].take(rows)).as_py()

    def without(self, name: str | None) -> "RawTable":
        """Leaves a column out; None leaves all."""
        return self if name is None else RawTable(self.arrow.drop_columns([name]))

    def blocks(self) -> Iterator["RawTable"]:
        """Cuts the table into pieces of some rows each."""
        for first in range(0, self.rows, BLOCK_ROWS):
            yield RawTable(self.arrow.slice(first, BLOCK_ROWS), first)


def read_table(path: Path, missing: Sequence[str], in_memory: bool = True) -> RawTable:
    """Reads a file into columns.

    Args:
      path: a .csv, .tsv or .parquet file; the first line of a text file names the columns.
      missing: what stands for a missing value in a text file.
      in_memory: whether the columns are kept there. Otherwise they are mapped from a file of the cache's disk, which is
        gone when the table is.

    Returns:
      The table.

    Raises:
      UserError: it is not there, or is no such table.
    """
    import pyarrow
    from pyarrow import ipc

    check_table(path)
    try:
        schema, batches = _parquet(path) if path.suffix.lower() == ".parquet" else _text(path, missing)
        double = next((name for name in schema.names if schema.names.count(name) > 1), None)
        if double is not None:
            raise UserError(f"{path} has two columns named {double!r}; rename one")
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
    """Refuses a path without a file."""
    if not path.is_file():
        raise UserError(f"no table at {path}; name a .csv, .tsv or .parquet file")


def _parquet(path: Path) -> tuple[Any, Iterator[Any]]:
    """Opens a file: its schema, and its rows in batches, in types that hold each cell as such."""
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    schema = pyarrow.schema([(field.name, _plain(field.type)) for field in file.schema_arrow])

    def batches() -> Iterator[Any]:
        for batch in file.iter_batches(BLOCK_ROWS):
            columns = [_cast(column, type_) for column, type_ in zip(batch.columns, schema.types)]
            yield pyarrow.record_batch(columns, schema)

    return schema, batches()


def _plain(type_: Any) -> Any:
    """Says what type a column of Parquet is read as: text too where it is coded or nested, moments without a zone."""
    from pyarrow import string, timestamp, types

    if types.is_dictionary(type_):
        return _plain(type_.value_type)
    if any(of(type_) for of in (types.is_nested, types.is_large_string, types.is_string_view, types.is_null)):
        return string()
    return timestamp("us") if types.is_timestamp(type_) else type_


def _cast(column: Any, type_: Any) -> Any:
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_floating(column.type):
        return compute.if_else(compute.is_nan(column), None, column)  # NaN is how others write what is missing
    if pyarrow.types.is_nested(column.type):
        return pyarrow.array([None if cell is None else str(cell) for cell in column.to_pylist()], type_)
    return column.cast(type_, safe=False)  # what Python cannot say is cut off: nanoseconds


def _text(path: Path, missing: Sequence[str]) -> tuple[Any, Iterator[Any]]:
    """Opens a file: its schema, and its rows in batches. Every column is text: what it holds is decided later."""
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


def _objects(chunk: Any) -> Any:
    """Makes objects of a piece of a column; equal texts are one object, since most columns of text repeat a few."""
    import pyarrow

    if not pyarrow.types.is_string(chunk.type):
        return chunk.to_pylist()
    coded = chunk.dictionary_encode()
    names = np.array([*coded.dictionary.to_pylist(), None], object)
    return names[coded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)]


def row_ids(table: RawTable) -> list[str]:
    """Names rows by what they hold, so that a row keeps its name wherever it stands; equal rows are numbered.

    Args:
      table: the table.

    Returns:
      One name per row.
    """
    return numbered(
        hashlib.sha256("\x1f".join(map(repr, row)).encode()).hexdigest()[:16]
        for block in table.blocks()
        for row in zip(*(block[name] for name in sorted(block)))
    )


def own_ids(name: str, table: RawTable) -> list[str]:
    """Names rows by a column that does; no two are the same.

    Args:
      name: the column's.
      table: the table.

    Returns:
      One name per row.

    Raises:
      UserError: two rows have one name.
    """
    ids = ["" if value is None else str(value) for value in table[name]]
    double, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise UserError(f"column {name} names two rows {double!r}; ids differ: name another column, or none")
    return ids
