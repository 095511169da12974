"""How text files of rows are written: what separates columns, and whether unpaired quotes swallow rows."""

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text_files import check_encoding, open_bytes, open_text, table_suffix
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

DELIMITERS = (",", ";", "\t", "|")
NAMES = {"\t": "tabs", " ": "spaces"}
# Characters of a line of column names at most; and characters and lines that are looked at for what separates columns.
MAX_HEADER, SAMPLE_SIZE, SAMPLE_LINES = 1 << 24, 1 << 20, 30
# Different cells of a column that are remembered, and suspicious rows.
MAX_KNOWN, MAX_SUSPECTS = 10_000, 1000
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
                raise UserError(f"data.{name} is {value!r}; it is one character, for example ';'")
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
    if dialect.delimiter is not None:
        return dialect.delimiter
    usual = "\t" if table_suffix(path) == ".tsv" else ","
    with open_text(path, dialect.encoding) as file:
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


def check_quotes(path: Path, delimiter: str, dialect: Dialect) -> None:
    """Checks that cells in quotes span lines only where the lines are no rows; how many do is logged.

    Args:
      path: a text file of rows, of which the first names the columns.
      delimiter: what separates columns.
      dialect: how it is written.

    Raises:
      UserError: a cell swallows lines that would be whole rows; it is named.
    """
    if not dialect.quotes or not _has_open_quotes(path):
        return
    with open_text(path, dialect.encoding) as file:
        rows = _rows_with_lines(read_lines(file, path), delimiter, dialect)
        width = len(dialect.names or next((row for _, row, _ in rows if row), []))
        known: list[set[str]] = [set() for _ in range(width)]
        suspects, counts = [], {"rows": 1, "lines": 1, "spanning": 0}
        for first, row, lines in rows:
            counts["rows"] += bool(row)
            counts["lines"] = first + len(lines) - 1
            if len(lines) > 1:
                counts["spanning"] += 1
                suspects += [(first, lines)] if len(suspects) < MAX_SUSPECTS else []
            elif len(row) == width:
                for seen, cell in zip(known, row):
                    if len(seen) < MAX_KNOWN:
                        seen.add(cell.strip())
    numeric = [bool(seen) and all(map(_is_number, seen)) for seen in known]
    for first, lines in suspects:
        # A line that ends a cell as it should is no row of its own, unless the first is one without the rest.
        swallowed = lines if _closes(lines[-1], delimiter) else lines[1:]
        count = len(lines) - 1
        if width > 1 and all(_is_row(line, delimiter, known, numeric) for line in swallowed):
            raise UserError(
                f"{path}, line {first}: a quote that is never paired, or pairs with one of line {first + count}, "
                f"swallows {count} lines that would be whole rows; correct it, or take quotes for letters: "
                "quotes=False (--data.quotes=False)"
            )
    if counts["spanning"]:
        logger.info(
            f"{path}: {counts['rows'] - 1:,} rows in {counts['lines']:,} lines, since {counts['spanning']:,} have "
            "cells in quotes that span lines (quotes=False takes quotes for letters)"
        )


def first_lines(path: Path, delimiter: str, dialect: Dialect, rows: int) -> np.ndarray:
    """Finds the lines where the last `rows` rows of a text file begin, (rows,) int64 from 1: the names come before."""
    with open_bytes(path) as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        count, last = 0, b""
        for block in blocks:
            count, last = count + block.count(b"\n"), block[-1:]
    if count + (last != b"\n") == rows + 1 and not dialect.names:
        return np.arange(2, rows + 2)
    with open_text(path, dialect.encoding) as file:
        found = [first for first, row, _ in _rows_with_lines(read_lines(file, path), delimiter, dialect) if row]
    return np.array(found[len(found) - rows :])


def _has_open_quotes(path: Path) -> bool:
    """Returns whether a line holds an odd number of quotes, as it must where a cell spans lines."""
    with open_bytes(path) as file:
        return any(line.count(b'"') % 2 for line in iter(lambda: file.readline(1 << 20), b""))


def _rows_with_lines(
    lines: Iterable[str], delimiter: str, dialect: Dialect
) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yields each row as (number of its first line, its cells, its lines)."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    number = 1
    for row in csv.reader(noted(), delimiter=delimiter, quoting=dialect.quoting):
        yield number, row, taken.copy()
        number += len(taken)
        taken.clear()


def _closes(line: str, delimiter: str) -> bool:
    """Returns whether a line has one quote, at the end of a cell that holds more."""
    before, quote, after = line.rstrip("\r\n").replace('""', "").partition('"')  # two are a letter
    opens = not before.strip() or before.endswith(delimiter)
    return bool(quote) and '"' not in after and not opens and (not after or after.startswith(delimiter))


def _is_row(line: str, delimiter: str, known: list[set[str]], numeric: list[bool]) -> bool:
    """Returns whether a line could be a row: as many cells, numbers where all are numbers, and a cell that is known."""
    cells = [cell.strip() for cell in line.rstrip("\r\n").split(delimiter)]
    if len(cells) != len(known):
        return False
    numbers = [_is_number(cell.strip('"')) for cell in cells]
    if any(wanted and not found for wanted, found in zip(numeric, numbers)):
        return False
    return any(wanted or (cell and cell in seen) for wanted, cell, seen in zip(numeric, cells, known))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell  # an empty cell is a missing number
    return True
