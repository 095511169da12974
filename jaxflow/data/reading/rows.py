"""Reads some columns of a text file, row by row: CSV, TSV or JSON lines."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from jaxflow.data.reading.dialect import Dialect, check_quotes, find_delimiter
from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text_files import open_text, readable, table_suffix
from jaxflow.errors import UserError, listed


def find_dialect(path: Path, columns: Sequence[str], dialect: Dialect) -> Dialect:
    """Returns a dialect with what separates the columns of a file, whose quotes are checked; JSON lines have neither.

    Args:
      path: as for `read_rows`.
      columns: columns that it has.
      dialect: how it is written, as far as that is said.

    Raises:
      UserError: it is no text, or a quote swallows rows.
    """
    if table_suffix(path) == ".jsonl":
        return dialect
    with readable(path, dialect.encoding):
        found = replace(dialect, delimiter=find_delimiter(path, dialect, columns))
        check_quotes(path, found.delimiter or ",", found)
    return found


def read_rows(path: Path, columns: Sequence[str], dialect: Dialect) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Reads some columns of a table.

    Args:
      path: a .csv or .tsv file whose first line names the columns, or a .jsonl file with an object on each line.
      columns: their names.
      dialect: how it is written, from `find_dialect`.

    Yields:
      The number of the line where a row begins, and its cells as text; empty where they are missing.

    Raises:
      UserError: the file, or a line of it, is no such table.
    """
    read = _json_rows if table_suffix(path) == ".jsonl" else _csv_rows
    with readable(path, dialect.encoding), open_text(path, dialect.encoding) as file:
        yield from read(path, file, columns, dialect)


def _csv_rows(
    path: Path, file: IO[str], columns: Sequence[str], dialect: Dialect
) -> Iterator[tuple[int, tuple[str, ...]]]:
    lines = csv.reader(
        read_lines(file, path), delimiter=dialect.delimiter or ",", quoting=dialect.quoting, strict=dialect.quotes
    )
    hint = "; or take quotes for letters: quotes=False (--data.quotes=False)" if dialect.quotes else ""
    try:
        header = [name.strip() for name in next(lines, [])]
        for name in columns:
            if header.count(name) != 1:
                raise UserError(
                    f"{path}, line 1: there are {header.count(name)} columns named {name!r}; it has "
                    f"{listed(header) or 'none'}; the first line names the columns"
                )
        positions, end = [header.index(name) for name in columns], lines.line_num
        for row in lines:
            first, end = end + 1, lines.line_num
            if len(row) != len(header) and row:
                raise UserError(
                    f"{path}, line {end}: there are {len(row)} cells in {len(header)} columns; put quotes around texts "
                    "that hold what separates cells, or name that: data.delimiter"
                )
            if row:
                yield first, tuple(row[position] for position in positions)
    except csv.Error as error:
        raise UserError(f"{path}, line {lines.line_num}: {error}; correct the line{hint}") from error


def _json_rows(path: Path, file: IO[str], columns: Sequence[str], _: Dialect) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(read_lines(file, path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: it is no JSON: {error}; correct the line") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: it holds {line.strip()[:40]!r}; each line is an object of JSON")
        for name in columns:
            if name not in row:
                raise UserError(f"{path}, line {number}: there is no {name!r}; it has {listed(row) or 'nothing'}")
            if isinstance(row[name], dict | list):
                raise UserError(f"{path}, line {number}: {name!r} holds no text but a {type(row[name]).__name__}")
        cells = tuple("" if row[name] is None else str(row[name]) for name in columns)
        if any("\ud800" <= letter <= "\udfff" for cell in cells for letter in cell if letter > "\ud7ff"):
            raise UserError(
                f"{path}, line {number}: it holds half of a character (\\ud800 to \\udfff); correct the line"
            )
        yield number, cells
