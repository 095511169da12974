"""Checks of the quotes in a text file of rows: unpaired ones swallow rows, and others end cells too soon."""

import csv
import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text.dialect import Dialect, rows_with_lines, skip_lines
from jaxflow.data.reading.text.files import find_preamble, open_bytes, open_text
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

# Different cells of a column that are remembered, and suspicious rows.
MAX_KNOWN, MAX_SUSPECTS = 10_000, 1000
# Bytes that are looked at together.
BLOCK_BYTES = 1 << 20
QUOTES_ARE_LETTERS = "take quotes for letters: quotes=False (--data.quotes=False)"
ESCAPED = "pandas.read_csv(PATH, escapechar='\\\\').to_csv('NAME.csv', index=False) writes it so"


def check_quotes(path: Path, delimiter: str, dialect: Dialect) -> None:
    """Checks that cells in quotes end with them, and span lines only where these are no rows; how many do is logged.

    Args:
      path: a text file of rows, of which the first names the columns.
      delimiter: what separates columns.
      dialect: how it is written.

    Raises:
      UserError: a cell swallows lines that would be whole rows, or goes on after its last quote; it is named.
    """
    if not dialect.quotes:
        return
    if _has_open_quotes(path):
        _check_spanning(path, delimiter, dialect)
    if _has_odd_quotes(path, delimiter):
        _check_ends(path, delimiter, dialect)


def _check_spanning(path: Path, delimiter: str, dialect: Dialect) -> None:
    """Raises UserError if a cell swallows lines that would be whole rows; logs how many cells span lines."""
    with open_text(path, dialect.encoding) as file:
        number = skip_lines(file, find_preamble(path, dialect.encoding, delimiter)[0])
        rows = rows_with_lines(read_lines(file, path), delimiter, dialect, number)
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
            correct = f"a backslash before a quote is a letter: {ESCAPED}" if '\\"' in "".join(lines) else "correct it"
            raise UserError(
                f"{path}, line {first}: a quote that is never paired, or pairs with one of line {first + count}, "
                f"swallows {count} lines that would be whole rows; {correct}, or {QUOTES_ARE_LETTERS}"
            )
    if counts["spanning"]:
        logger.info(
            f"{path}: {counts['rows'] - 1:,} rows in {counts['lines']:,} lines, since {counts['spanning']:,} have "
            "cells in quotes that span lines (quotes=False takes quotes for letters)"
        )


def _has_open_quotes(path: Path) -> bool:
    """Returns whether a line holds an odd number of quotes, as it must where a cell spans lines."""
    with open_bytes(path) as file:
        return any(line.count(b'"') % 2 for line in iter(lambda: file.readline(BLOCK_BYTES), b""))


def _has_odd_quotes(path: Path, delimiter: str) -> bool:
    r"""Returns whether quotes may end a cell too soon.

    That is where one stands where no cell begins or ends and none is beside it, two begin a longer cell, or two after a
    backslash seem to end one: of "10\"" the first is a letter and the second the end, or both are a letter.
    """
    mark, kinds = delimiter.encode(), rb'[^"%b\r\n]"[^"%b\r\n]|(?:^|%b)""[^"%b\r\n]|\\""(?=%b|[\r\n]|\Z)'
    odd = re.compile(kinds % ((re.escape(mark),) * 5), re.MULTILINE)
    with open_bytes(path) as file:
        blocks = iter(lambda: file.read(BLOCK_BYTES) + file.readline(BLOCK_BYTES), b"")
        return any(not _at_borders(block, mark) and odd.search(block) is not None for block in blocks)


def _at_borders(block: bytes, mark: bytes) -> bool:
    """Returns whether each quote of some lines begins or ends a cell, as in most files; they are counted, not read."""
    if not (quotes := block.count(b'"')):
        return True
    before, after = (mark + b'"', b'\n"'), (b'"' + mark, b'"\r', b'"\n')
    if any(begin[:-1] + end in block for begin in before for end in after):
        return False  # a quote that would be counted twice
    return quotes == sum(map(block.count, (*before, *after))) + block.startswith(b'"') + block.endswith(b'"')


def _check_ends(path: Path, delimiter: str, dialect: Dialect) -> None:
    """Raises UserError if something follows the quote that ends a cell but spaces: the cell would be mangled."""
    spaces = re.compile(rf'" +(?=[{re.escape(delimiter)}\r\n]|$)')
    with open_text(path, dialect.encoding) as file:
        number = skip_lines(file, find_preamble(path, dialect.encoding, delimiter)[0])
        line = ""

        def lines() -> Iterator[str]:
            nonlocal line
            for line in read_lines(file, path):
                yield spaces.sub('"', line)

        rows, read = csv.reader(lines(), delimiter=delimiter, strict=True), 0
        try:
            for _ in rows:
                read = rows.line_num
        except csv.Error as error:
            if "expected after" not in str(error):  # the end of the file, within quotes
                return
            where = f"{path}, line {number + read}"  # where the row begins
            if '\\"' in line:
                why = f"a backslash stands before a quote within a cell, where quotes are doubled: {ESCAPED}"
            else:
                why = "a cell goes on after the quote that ends it: double the quotes within a cell"
            raise UserError(f"{where}: {why}; or {QUOTES_ARE_LETTERS}") from error


def explain_quotes(path: Path, first: int, last: int, error: csv.Error, encoding: str | None = None) -> str:
    """Returns why a row cannot be read, where that is known, and what to do.

    Args:
      path: a text file of rows.
      first: number of the line where the row begins.
      last: that of the line at which reading stopped.
      error: what stopped it.
      encoding: that of the file; None where it is found.
    """
    with open_text(path, encoding) as file:
        lines = list(itertools.islice(read_lines(file, path), first - 1, last))
    if any('\\"' in line for line in lines):
        return f"line {first}: a backslash stands before a quote, where quotes are doubled: {ESCAPED}"
    return f"line {first}: {error}; correct the line"


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
