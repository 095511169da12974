"""Cells in quotes that span lines: an unpaired quote swallows rows, which is noticed."""

import csv
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from jaxflow.data.reading.dialect import Dialect
from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text_files import open_bytes, open_text
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

# Different cells of a column that are remembered, and suspicious rows.
MAX_KNOWN, MAX_SUSPECTS = 10_000, 1000


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
                suspects += [(first, lines[1:])] if len(suspects) < MAX_SUSPECTS else []
            elif len(row) == width:
                for seen, cell in zip(known, row):
                    if len(seen) < MAX_KNOWN:
                        seen.add(cell.strip())
    numeric = [bool(seen) and all(map(_is_number, seen)) for seen in known]
    for first, lines in suspects:
        swallowed = [_is_row(line, delimiter, known, numeric) for line in lines]
        if width > 1 and all(swallowed):
            raise UserError(
                f"{path}, line {first}: a quote that is never paired, or pairs with one of line {first + len(lines)}, "
                f"swallows {len(lines)} lines that would be whole rows; correct it, or take quotes for letters: "
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
