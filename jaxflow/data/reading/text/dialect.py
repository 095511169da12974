"""How text files of rows are written: what separates columns, and where rows begin."""

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import numpy as np

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text.files import (
    check_encoding,
    check_rows,
    find_preamble,
    open_bytes,
    open_text,
    table_suffix,
)
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

DELIMITERS = (",", ";", "\t", "|")
NAMES = {"\t": "tabs", " ": "spaces"}
# Characters of a line of column names at most; and characters and lines that are looked at for what separates columns.
MAX_HEADER, SAMPLE_SIZE, SAMPLE_LINES = 1 << 24, 1 << 20, 30
# A cell may hold a book; Python's own limit is 128 KiB.
csv.field_size_limit(1 << 27)


@dataclass(frozen=True)
class Dialect:
    """How a text file of rows is written; what is None is found in the file.

    Attributes:
      delimiter: what separates columns.
      quotes: whether quotes around a cell are no part of it, so that it may hold delimiters and line ends.
      encoding: how characters are encoded.
      decimal: what separates the decimals of numbers.
      thousands: what separates thousands; "" for nothing.
      names: names of the columns, where the first line of the file is a row already.
    """

    delimiter: str | None = None
    quotes: bool = True
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        for name, value, empty in (("delimiter", self.delimiter, False), ("thousands", self.thousands, True)):
            if value is not None and not (isinstance(value, str) and (len(value) == 1 or (empty and not value))):
                tab = r"; a tab is $'\t' in a shell: --data.delimiter=$'\t'" if value in (r"\t", "tab") else ""
                raise UserError(f"data.{name} is {value!r}; it is one character, for example ';'{tab}")
        if self.delimiter in ('"', "\n", "\r"):
            raise UserError(f"data.delimiter is {self.delimiter!r}; it is what separates columns, for example ';'")
        if self.decimal not in (None, ".", ","):
            raise UserError(f"data.decimal is {self.decimal!r}; it is '.' or ','")
        if self.thousands is not None and self.thousands == self.decimal:
            raise UserError(f"data.decimal and data.thousands are both {self.decimal!r}; they differ")

    @property
    def quoting(self) -> int:
        """Python's constant for how quotes are read."""
        return csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE


def find_delimiter(path: Path, dialect: Dialect, columns: Sequence[str] = ()) -> str:
    """Returns what separates the columns of a file: what the dialect says, else what divides the first lines evenly.

    Args:
      path: a text file of rows, of which the first names the columns.
      dialect: how it is written.
      columns: columns that it has, as far as they are known.

    Raises:
      UserError: it is no text, or its first line is too long.
    """
    check_rows(path, dialect.encoding)
    usual = "\t" if table_suffix(path) == ".tsv" else ","
    skipped, named = find_preamble(path, dialect.encoding)
    if skipped:
        lines = "its first line is" if skipped == 1 else f"its first {skipped} lines are"
        logger.info(f"{path}: {lines} no row (sep= and # comments)")
    if dialect.delimiter or named:
        return dialect.delimiter or named or usual
    with open_text(path, dialect.encoding) as file:
        skip_lines(file, skipped)
        lines = [line for line in io.StringIO(file.read(SAMPLE_SIZE), newline="") if line.strip()]
    fits = {each: _fit(lines[:SAMPLE_LINES], each, dialect, columns) for each in (usual, *DELIMITERS)}
    best = max(fits, key=lambda each: fits[each])  # of equals the first, which is the usual one
    best = best if fits[best] > 1 else usual
    if best != usual:
        logger.info(f"{path}: {NAMES.get(best, repr(best))} separate its columns (delimiter)")
    return best


def _fit(sample: Sequence[str], delimiter: str, dialect: Dialect, columns: Sequence[str]) -> int:
    """Returns how well a delimiter divides lines: 0 not at all, 1 the names, 2 all alike; 3 more for known columns.

    Where names are given it is the number of rows with so many cells.
    """
    try:
        rows = list(csv.reader(sample, delimiter=delimiter, quoting=dialect.quoting))
    except csv.Error:
        return 0
    if dialect.names:
        whole = sum(len(row) == len(dialect.names) for row in rows)
        return whole if whole > len(rows) / 2 else 0
    names = [name.strip() for name in rows[0]] if rows else []
    known = bool(columns) and set(columns) <= set(names)
    if len(names) < 2:
        return 3 * known
    whole = rows[:-1] or rows  # the last row of a sample may be cut
    return 3 * known + (2 if all(len(row) == len(names) for row in whole) else 1)


def first_lines(path: Path, delimiter: str, dialect: Dialect, rows: int) -> np.ndarray:
    """Finds the lines where the last `rows` rows of a text file begin, (rows,) int64 from 1: the names come before."""
    skipped, _ = find_preamble(path, dialect.encoding, delimiter)
    with open_bytes(path) as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        count, last = 0, b""
        for block in blocks:
            count, last = count + block.count(b"\n"), block[-1:]
    if count + (last != b"\n") == rows + 1 + skipped and not dialect.names:
        return np.arange(2, rows + 2) + skipped
    with open_text(path, dialect.encoding) as file:
        number = skip_lines(file, skipped)
        read = rows_with_lines(read_lines(file, path), delimiter, dialect, number)
        found, width = [], len(dialect.names)
        for first, row, _ in read:
            width = width or len(row)
            found += [] if is_blank(row, width) else [first]
    return np.array(found[len(found) - rows :])


def is_blank(row: Sequence[str], width: int) -> bool:
    """Returns whether a row of a file of `width` columns is a line that holds nothing, or spaces alone."""
    return not row or (width > 1 and len(row) == 1 and not row[0].strip())


def skip_lines(file: TextIO, count: int) -> int:
    """Reads `count` lines of a file, and returns the number of the next."""
    for _ in range(count):
        file.readline()
    return count + 1


def rows_with_lines(
    lines: Iterable[str], delimiter: str, dialect: Dialect, number: int
) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yields each row as (number of its first line, its cells, its lines); `number` is that of the first."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    for row in csv.reader(noted(), delimiter=delimiter, quoting=dialect.quoting):
        yield number, row, taken.copy()
        number += len(taken)
        taken.clear()
