"""CSV tables: written atomically, with what a spreadsheet would compute in quotes."""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from jaxflow.errors import UserError
from jaxflow.file_io import open_atomically

# How a cell begins that a spreadsheet computes.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: Path, blocks: Iterable[Mapping[str, Sequence[Any]]], quoted: bool = True) -> None:
    """Writes a CSV file atomically.

    Args:
      path: the file.
      blocks: consecutive rows, one block or more: columns of equal length by name, the same names in each.
      quoted: whether text that a spreadsheet would compute is quoted, as `row_writer` does.

    Raises:
      UserError: columns are not of equal length.
    """
    blocks = iter(blocks)
    first = next(blocks)  # where this fails, not even a folder is created
    with open_atomically(path) as file:
        write_row = row_writer(file, quoted)
        write_row(first)
        for columns in itertools.chain([first], blocks):
            for row in rows_of(columns):
                write_row(row)


def rows_of(columns: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Returns the rows of a table's columns, by name.

    Raises:
      UserError: the columns are not of equal length, so that rows would be cut or shifted.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UserError(f"the columns of a table of predictions differ in length ({told}); return a value per example")
    return zip(*columns.values())


def row_writer(file: TextIO, quoted: bool = True) -> Callable[[Iterable[Any]], None]:
    """Returns what writes a row of CSV.

    Args:
      file: where it is written.
      quoted: whether an apostrophe is written before text that begins as formulas do, unless it is a number: names come
        from data, and spreadsheets compute a cell that begins with =, +, -, @, a tab or a carriage return.
    """
    # With this end a carriage return within a cell is put in quotes; the end itself is written as a line feed.
    writer = csv.writer(_LineFeeds(file), lineterminator="\r\n")
    return lambda row: writer.writerow(map(_quote_formula, row) if quoted else row)


class _LineFeeds:
    """A file to which csv writes a row at a time."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, row: str) -> None:
        """Writes a row."""
        self.file.write(row.removesuffix("\r\n") + "\n")


def _quote_formula(cell: Any) -> Any:
    if not (isinstance(cell, str) and cell.startswith(FORMULA)):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
