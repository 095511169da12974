"""A table as a file has it: columns of cells, and what its rows are called."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.reading.category_names import category_key
from jaxflow.data.reading.dialect import Dialect, first_lines
from jaxflow.data.tables.numbers import find_formats
from jaxflow.errors import UserError

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Rows that are encoded at once.
BLOCK_ROWS = 1 << 16
# Cells that `category_key` may call otherwise: idle signs and zeros, exponents, spaces, booleans, full stops.
UNUSUAL = r"^\+|^-?\.|\.[0-9]*0$|\.$|^-0$|^[+-]?[0-9.]+[eE]|^[\s\pZ]|[\s\pZ]$|^(?i:true|false)$"


@dataclass(frozen=True, eq=False)
class RawTable(Mapping[str, np.ndarray]):
    """The columns of a file by name, (rows,) objects, None where missing; names have no spaces around them.

    They are strings from text files, from Parquet also numbers, booleans and dates. A column becomes objects when it is
    asked for, so a table that lies on disk is never in memory whole.

    Attributes:
      arrow: the pyarrow.Table.
      first: position of its first row in the file, from 0.
      dialect: how the file is written; its delimiter is the one that was found.
      files: where the table was in several files, the first row of each, its path and its dialect.
    """

    arrow: "pyarrow.Table"
    first: int = 0
    dialect: Dialect = Dialect()
    files: tuple[tuple[int, Path, Dialect], ...] = ()

    def __getitem__(self, name: str) -> np.ndarray:
        values, first = np.empty(self.rows, object), 0
        for chunk in self.column(name).chunks:
            try:
                values[first : first + len(chunk)] = _objects(chunk)
            except (ValueError, OverflowError) as error:  # dates beyond the year 9999, text that is no UTF-8
                where = f"between {self.row_name(first)} and {self.row_name(first + len(chunk) - 1)}"
                raise UserError(f"column {name} holds what cannot be read, {where}: {error}; correct it") from error
            first += len(chunk)
        return values

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.strip() in self.arrow.column_names

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrow.column_names)

    def __len__(self) -> int:
        return self.arrow.num_columns

    def column(self, name: str) -> "pyarrow.ChunkedArray":
        """Returns a column as Arrow has it; runs of earlier versions name some with spaces around."""
        return self.arrow[name.strip()]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.arrow.num_rows

    def row_name(self, row: int) -> str:
        """Returns the position of a row in the file, for errors."""
        before = [(start, path) for start, path, _ in self.files if start <= self.first + row]
        if not before:
            return f"row {self.first + row + 1}"
        start, path = before[-1]
        return f"row {self.first + row - start + 1} of {path.name}"

    def first_lines(self, path: Path) -> np.ndarray | None:
        """Returns the line of its text file where each row begins, (rows,) from 1; None of Parquet."""
        files = self.files or ((0, path, self.dialect),)
        if any(file.suffix.lower() == ".parquet" for _, file, _ in files):
            return None
        ends = [*(start for start, _, _ in files[1:]), self.rows]
        lines = [
            first_lines(file, dialect.delimiter or ",", dialect, end - start)
            for (start, file, dialect), end in zip(files, ends)
        ]
        return np.concatenate(lines)

    def numbers(self, name: str) -> np.ndarray | None:
        """Reads a column of plainly written numbers at once: (rows,) float64, NaN where missing; None of any other."""
        import pyarrow

        column = self.column(name)
        readable = (pyarrow.types.is_string, pyarrow.types.is_integer, pyarrow.types.is_floating)
        if not any(of(column.type) for of in readable):
            return None
        try:
            return column.cast(pyarrow.float64()).to_numpy()
        except pyarrow.ArrowException:
            return None

    def missing(self, name: str) -> np.ndarray:
        """Returns where a column holds nothing, (rows,) booleans."""
        return self.column(name).is_null().to_numpy()

    def has_codes(self, name: str, rows: np.ndarray) -> bool:
        """Returns whether some rows of a column hold digits alone, with leading zeros: codes such as 00501."""
        import pyarrow
        from pyarrow import compute

        column = self.column(name)
        if not pyarrow.types.is_string(column.type):
            return False
        cells = column.take(rows)
        padded = compute.match_substring_regex(cells, r"^\s*0[0-9]+\s*$")
        digits = compute.match_substring_regex(cells, r"^\s*[0-9]+\s*$")
        return bool(compute.any(padded).as_py()) and bool(compute.all(digits).as_py())

    def has_grouped_digits(self, name: str, rows: np.ndarray) -> bool:
        """Returns whether some rows of a column have a point, always before three digits: it may divide thousands."""
        import pyarrow
        from pyarrow import compute

        column = self.column(name)
        if not pyarrow.types.is_string(column.type):
            return False
        cells = column.take(rows)
        pointed = compute.sum(compute.match_substring(cells, ".")).as_py()
        grouped = compute.match_substring_regex(cells, r"^\s*[+-]?[1-9][0-9]{0,2}\.[0-9]{3}\s*$")
        return bool(pointed) and compute.sum(grouped).as_py() == pointed

    @cached_property
    def has_decimal_commas(self) -> bool:
        """Whether there is a column of numbers that can only be read with a decimal comma."""
        import pyarrow
        from pyarrow import compute

        for name in self:
            if not pyarrow.types.is_string(self.column(name).type) or self.numbers(name) is not None:
                continue
            cells = set(compute.unique(self.column(name)).to_pylist()) - {None}
            formats = find_formats(cells, self.dialect.decimal, self.dialect.thousands)
            if formats and all(each.decimal == "," for each in formats):
                return True
        return False

    def distinct(self, name: str, rows: np.ndarray) -> int:
        """Counts the different cells of some rows, missing ones apart."""
        from pyarrow import compute

        return compute.count_distinct(self.column(name).take(rows)).as_py()

    def without(self, *names: str | None) -> "RawTable":
        """Returns the table without some columns; None is none."""
        return replace(self, arrow=self.arrow.drop_columns([name.strip() for name in names if name is not None]))

    def blocks(self) -> Iterator["RawTable"]:
        """Divides the table into blocks of BLOCK_ROWS."""
        for first in range(0, self.rows, BLOCK_ROWS):
            yield replace(self, arrow=self.arrow.slice(first, BLOCK_ROWS), first=first)


def keys_from_cells(table: RawTable) -> list[str]:
    """Computes a digest of the cells of each row, which equal rows share; the order of rows and columns has no part.

    Cells of one value are equal however they are spelled; a value that a column spells in one way keeps its spelling.
    """
    respelled = {name: _respelled(table.column(name)) for name in table}
    return [
        hashlib.sha256("\x1f".join(map(repr, row)).encode()).hexdigest()[:16]
        for block in table.blocks()
        for row in zip(*([respelled[name].get(cell, cell) for cell in block[name]] for name in sorted(block)))
    ]


def _respelled(column: "pyarrow.ChunkedArray") -> dict[str, str]:
    """Returns for the texts of a column that another one equals by value, such as 3.0 beside 3, their one spelling."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_string(column.type):
        return {}
    known = compute.drop_null(compute.unique(column))
    try:
        unusual = known.filter(compute.match_substring_regex(known, UNUSUAL)).to_pylist()
    except ValueError:  # no UTF-8, which is named where rows are read
        return {}
    keys = [category_key(cell) for cell in unusual]
    counts = Counter(keys)
    beside = compute.is_in(pyarrow.array(keys, pyarrow.string()), known).to_pylist()
    return {cell: key for cell, key, twice in zip(unusual, keys, beside) if twice or counts[key] > 1}


def ids_from_column(name: str, table: RawTable) -> list[str]:
    """Reads row ids from a column.

    Args:
      name: the column's.
      table: the table.

    Returns:
      One id per row.

    Raises:
      UserError: two rows have the same id.
    """
    ids = ["" if value is None else str(value) for value in table[name]]
    duplicate, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise UserError(f"column {name} names two rows {duplicate!r}; ids differ: name another column, or none")
    return ids


def _objects(chunk: "pyarrow.Array") -> Sequence[object] | np.ndarray:
    """Converts a chunk of a column; equal texts are one object, since most columns of text repeat a few."""
    import pyarrow

    if not pyarrow.types.is_string(chunk.type):
        return chunk.to_pylist()
    coded = chunk.dictionary_encode()
    names = np.array([*coded.dictionary.to_pylist(), None], object)
    return names[coded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)]
