"""A table as a file has it: columns of cells, and what its rows are called."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.numbers import find_formats
from jaxflow.data.reading.text.dialect import Dialect, first_lines
from jaxflow.errors import UserError

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Rows that are encoded at once.
BLOCK_ROWS = 1 << 16
# Largest whole number to which float64 holds every one.
EXACT = 2**53


@dataclass(frozen=True)
class TableFile:
    """A file that rows of a table lie in.

    Attributes:
      path: the file.
      dialect: how it is written; its delimiter is the one that was found.
      rows: number of its rows.
    """

    path: Path
    dialect: Dialect
    rows: int

    def first_lines(self) -> np.ndarray | None:
        """Returns the line where each row begins, (rows,) from 1; None of Parquet."""
        if self.path.suffix.lower() == ".parquet":
            return None
        return first_lines(self.path, self.dialect.delimiter or ",", self.dialect, self.rows)


@dataclass(frozen=True)
class Marks:
    """What stands for a missing value.

    Attributes:
      texts: the marks that cells were compared with.
      found: those that some cell is.
      spellings: by column, further cells that are one of them in the column's format: -999,0 for -999.
    """

    texts: tuple[str, ...] = ()
    found: frozenset[str] = frozenset()
    spellings: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RawTable(Mapping[str, np.ndarray]):
    """The columns of a file by name, (rows,) objects, None where missing; names have no spaces around them.

    They are strings from text files, from Parquet also numbers, booleans and dates. A column becomes objects when it is
    asked for, so a table that lies on disk is never in memory whole.

    Attributes:
      arrow: the pyarrow.Table.
      first: position of its first row in the files, from 0.
      dialect: how the first file is written.
      files: the files that its rows lie in, in their order.
      marks: what stands for a missing value.
    """

    arrow: "pyarrow.Table"
    first: int = 0
    dialect: Dialect = Dialect()
    files: tuple[TableFile, ...] = ()
    marks: Marks = Marks()

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
        column, spellings = self.arrow[name.strip()], self.marks.spellings.get(name.strip())
        if not spellings:
            return column
        import pyarrow
        from pyarrow import compute

        return compute.if_else(compute.is_in(column, pyarrow.array(spellings, column.type)), None, column)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.arrow.num_rows

    def row_name(self, row: int) -> str:
        """Returns where a row lies in its file, for errors: the line of a text file, the row of Parquet."""
        row += self.first
        for file in self.files:
            if row < file.rows:
                lines = file.first_lines()
                where = f"row {row + 1}" if lines is None else f"line {lines[row]}"
                return where if len(self.files) == 1 else f"{where} of {file.path.name}"
            row -= file.rows
        return f"row {row + 1}"

    def where(self, row: int, path: Path) -> str:
        """Returns the file of a row and its line there, of Parquet its row, for errors."""
        name = self.row_name(row)
        return name if len(self.files) > 1 else f"{name} of {path}"

    def first_lines(self) -> np.ndarray | None:
        """Returns the line of its text file where each row begins, (rows,) from 1; None if one is Parquet."""
        lines = [found for file in self.files if (found := file.first_lines()) is not None]
        return np.concatenate(lines) if len(lines) == len(self.files) > 0 else None

    def numbers(self, name: str) -> np.ndarray | None:
        """Reads a column of plainly written numbers at once: (rows,) float64, NaN where missing; None of any other."""
        import pyarrow

        column = self.column(name)
        readable = (pyarrow.types.is_string, pyarrow.types.is_integer, pyarrow.types.is_floating)
        if not any(of(column.type) for of in readable):
            return None
        try:
            # Of whole numbers beyond 2^53 the nearest, as of those that are texts.
            return column.cast(pyarrow.float64(), safe=not pyarrow.types.is_integer(column.type)).to_numpy()
        except pyarrow.ArrowException:
            return None

    def missing(self, name: str) -> np.ndarray:
        """Returns where a column holds nothing, (rows,) booleans."""
        return self.column(name).is_null().to_numpy()

    def holds_texts(self, name: str) -> bool:
        """Returns whether a column holds texts, as all of a text file do."""
        import pyarrow

        return pyarrow.types.is_string(self.column(name).type)

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

    def long_integer(self, name: str) -> int | None:
        """Returns the first whole number of a column that a float64 does not hold to its last digit; None of none."""
        import pyarrow
        from pyarrow import compute

        column = self.column(name)
        if pyarrow.types.is_string(column.type):
            column = compute.utf8_trim_whitespace(column)
            column = column.filter(compute.match_substring_regex(column, r"^[+-]?[0-9]{16,}$"))
        elif not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_decimal(column.type)):
            return None
        numbers = (number for chunk in column.chunks for number in chunk.to_pylist() if number is not None)
        return next((int(number) for number in numbers if abs(int(number)) > EXACT), None)

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
        for name in self:
            if not self.holds_texts(name) or self.numbers(name) is not None:
                continue
            formats = find_formats(self.cells(name), self.dialect.decimal, self.dialect.thousands)
            if formats and all(each.decimal == "," for each in formats):
                return True
        return False

    def cells(self, name: str) -> set[object]:
        """Returns the different cells of a column, missing ones apart."""
        from pyarrow import compute

        return set(compute.unique(self.column(name)).to_pylist()) - {None}

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


def _objects(chunk: "pyarrow.Array") -> Sequence[object] | np.ndarray:
    """Converts a chunk of a column; equal texts are one object, since most columns of text repeat a few."""
    import pyarrow

    if not pyarrow.types.is_string(chunk.type):
        return chunk.to_pylist()
    coded = chunk.dictionary_encode()
    names = np.array([*coded.dictionary.to_pylist(), None], object)
    return names[coded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)]
