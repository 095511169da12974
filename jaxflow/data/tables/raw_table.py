"""A table as a file has it: columns of cells, and what its rows are called."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.splitting.keys import make_unique
from jaxflow.errors import UserError

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Rows that are encoded at once.
BLOCK_ROWS = 1 << 16


@dataclass(frozen=True, eq=False)
class RawTable(Mapping[str, np.ndarray]):
    """The columns of a file by name, (rows,) objects, None where missing.

    They are strings from text files, from Parquet also numbers, booleans and dates. A column becomes objects when it is
    asked for, so a table that lies on disk is never in memory whole.

    Attributes:
      arrow: the pyarrow.Table.
      first: position of its first row in the file, from 0.
      files: where the table was in several files, the first row and the name of each.
    """

    arrow: "pyarrow.Table"
    first: int = 0
    files: tuple[tuple[int, str], ...] = ()

    def __getitem__(self, name: str) -> np.ndarray:
        values, first = np.empty(self.rows, object), 0
        for chunk in self.arrow[name].chunks:
            try:
                values[first : first + len(chunk)] = _objects(chunk)
            except (ValueError, OverflowError) as error:  # dates beyond the year 9999, text that is no UTF-8
                where = f"between {self.row_name(first)} and {self.row_name(first + len(chunk) - 1)}"
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
        """Number of rows."""
        return self.arrow.num_rows

    def row_name(self, row: int) -> str:
        """Returns the position of a row in the file, for errors."""
        start, file = max((each for each in self.files if each[0] <= self.first + row), default=(0, ""))
        return f"row {self.first + row - start + 1}" + (f" of {file}" if file else "")

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
        """Returns where a column holds nothing, (rows,) booleans."""
        return self.arrow[name].is_null().to_numpy()

    def distinct(self, name: str, rows: np.ndarray) -> int:
        """Counts the different cells of some rows, missing ones apart."""
        from pyarrow import compute

        return compute.count_distinct(self.arrow[name].take(rows)).as_py()

    def without(self, name: str | None) -> "RawTable":
        """Returns the table without a column; None keeps all."""
        return self if name is None else RawTable(self.arrow.drop_columns([name]), self.first, self.files)

    def blocks(self) -> Iterator["RawTable"]:
        """Divides the table into blocks of BLOCK_ROWS."""
        for first in range(0, self.rows, BLOCK_ROWS):
            yield RawTable(self.arrow.slice(first, BLOCK_ROWS), first, self.files)


def ids_from_cells(table: RawTable) -> list[str]:
    """Computes ids of rows from their cells, which do not depend on the order; equal rows are numbered.

    Args:
      table: the table.

    Returns:
      One id per row.
    """
    return make_unique(
        hashlib.sha256("\x1f".join(map(repr, row)).encode()).hexdigest()[:16]
        for block in table.blocks()
        for row in zip(*(block[name] for name in sorted(block)))
    )


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
