"""How text files of rows are written: what separates columns, and what quotes mean."""

import csv
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text_files import check_encoding, open_text, table_suffix
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

DELIMITERS = (",", ";", "\t", "|")
NAMES = {"\t": "tabs", " ": "spaces"}
# Characters of a line of column names at most, and lines that are looked at for what separates columns.
MAX_HEADER, SAMPLE_LINES = 1 << 24, 30
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
            if value is not None and not (len(value) == 1 or (empty and not value)):
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
        lines = (line for line in read_lines(file, path, MAX_HEADER) if line.strip())
        sample = list(itertools.islice(lines, SAMPLE_LINES))
    fits = {each: _fit(sample, each, dialect, columns) for each in (usual, *DELIMITERS)}
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
    whole = rows if len(rows) < SAMPLE_LINES else rows[:-1]  # the last row of a sample may be cut
    return 3 * known + (2 if all(len(row) == len(names) for row in whole) else 1)
