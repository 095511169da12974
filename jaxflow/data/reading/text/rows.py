"""Reads some columns of a text file, row by row: CSV, TSV or JSON lines."""

import csv
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text.dialect import (
    Dialect,
    find_delimiter,
    is_blank,
    rows_with_lines,
    skip_lines,
)
from jaxflow.data.reading.text.explain import explain_ragged, explain_title
from jaxflow.data.reading.text.files import PIECE, find_preamble, open_bytes, open_text, readable, table_suffix
from jaxflow.data.reading.text.quotes import check_quotes, explain_quotes
from jaxflow.errors import UserError, listed, meant, nearest_first, perhaps

logger = logging.getLogger("jaxflow")


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
        report_blank_lines(path, found)
    return found


def read_rows(path: Path, columns: Mapping[str, str], dialect: Dialect) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Reads some columns of a table.

    Args:
      path: a .csv or .tsv file whose first line names the columns, or a .jsonl file with an object on each line.
      columns: their names, and of each the setting that names it, for errors: "data.text"; "" where none does.
      dialect: how it is written, from `find_dialect`.

    Yields:
      The number of the line where a row begins, and its cells as text; empty where they are missing.

    Raises:
      UserError: the file, or a line of it, is no such table.
    """
    read = _json_rows if table_suffix(path) == ".jsonl" else _csv_rows
    with readable(path, dialect.encoding), open_text(path, dialect.encoding) as file:
        yield from read(path, file, columns, dialect)


def read_names(path: Path, what: str, columns: Sequence[str]) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Reads all columns of a small text file that says something of each example by its name, such as labels.

    Args:
      path: a file whose first line names the columns.
      what: the field that names it and what it is, for messages: "data.labels: a CSV of path,label".
      columns: columns that it has, as far as they are known: they tell what separates them.

    Returns:
      The names of the columns; and of each row the number of its last line, and its cells by column, without those
      that a short one lacks.

    Raises:
      UserError: it cannot be read, or a row has more cells than there are columns.
    """
    field, _, wanted = what.partition(": ")
    try:
        delimiter = find_delimiter(path, Dialect(), columns)
        with open_text(path) as file:
            end = skip_lines(file, find_preamble(path, delimiters=delimiter)[0]) - 1
            found = _strict_rows(path, file, delimiter, end)
    except OSError as error:
        raise UserError(f"{field} {path} cannot be read: {error.strerror}; name {wanted}{perhaps(path)}") from error
    except UnicodeError as error:
        raise UserError(f"{field} {path} is no CSV in UTF-8: {error}; save it as such") from error
    header = [name.strip() for name in found[0][1]] if found else []
    if not set(columns) <= set(header) and (title := explain_title(path, Dialect(delimiter), columns)):
        raise UserError(f"{path}, {title}")
    rows = [(line, row) for line, row in found[1:] if not is_blank(row, len(header))]
    for line, row in rows:
        if any(row[len(header) :]):
            raise UserError(
                f"{path}, line {line}: there are {len(row)} cells in {len(header)} columns; put quotes around those "
                "that hold what separates cells"
            )
    return header, [(line, dict(zip(header, map(str.strip, row)))) for line, row in rows]


def _strict_rows(path: Path, file: TextIO, delimiter: str, end: int) -> list[tuple[int, list[str]]]:
    """Returns the rows that follow line `end` of a file, each with the number of its last line."""
    lines, rows, before = csv.reader(read_lines(file, path), delimiter=delimiter, strict=True), [], end
    try:
        for row in lines:
            end = before + lines.line_num
            rows.append((end, row))
    except csv.Error as error:
        raise UserError(f"{path}, {explain_quotes(path, end + 1, before + lines.line_num, error)}") from error
    return rows


def require_columns(where: str, names: Sequence[str], columns: Mapping[str, str]) -> None:
    """Raises UserError if a table lacks a column or has two of its name; those that it has are named, nearest first.

    Args:
      where: the table, and the line that names its columns.
      names: names of the columns that it has.
      columns: as for `read_rows`.
    """
    absent = {name: setting for name, setting in columns.items() if name not in names}
    if absent:
        called = " and no ".join(repr(name) + (f" ({setting})" if setting else "") for name, setting in absent.items())
        first, flags = next(iter(absent)), [f"--{setting}=NAME" for setting in absent.values() if setting]
        raise UserError(
            f"{where}: there is no column {called}; it has {listed(nearest_first(first, names)) or 'none'}"
            f"{meant(first, names)}; {'name what is meant: ' + ' '.join(flags) if flags else 'rename what is meant'}"
        )
    for name in columns:
        if names.count(name) > 1:
            raise UserError(
                f"{where}: there are {names.count(name)} columns named {name!r}; rename all but one of them"
            )


def _csv_rows(
    path: Path, file: TextIO, columns: Mapping[str, str], dialect: Dialect
) -> Iterator[tuple[int, tuple[str, ...]]]:
    before = skip_lines(file, find_preamble(path, dialect.encoding, dialect.delimiter or ",")[0]) - 1
    lines = csv.reader(
        read_lines(file, path), delimiter=dialect.delimiter or ",", quoting=dialect.quoting, strict=dialect.quotes
    )
    hint = "; or take quotes for letters: quotes=False (--data.quotes=False)" if dialect.quotes else ""
    try:
        end = before
        header = [name.strip() for name in next(lines, [])]
        if any(header.count(name) != 1 for name in columns) and (title := explain_title(path, dialect, columns)):
            raise UserError(f"{path}, {title}")
        require_columns(f"{path}, line {before + 1}, which names the columns", header, columns)
        positions, end = [header.index(name) for name in columns], before + lines.line_num
        for row in lines:
            first, end = end + 1, before + lines.line_num
            if is_blank(row, len(header)):
                continue
            if len(row) != len(header):
                raise UserError(f"{path}, {explain_ragged(path, dialect, columns)}")
            if len(row) > 1 and [cell.strip() for cell in row] == header:
                raise UserError(f"{path}, line {end}: it repeats the names of the columns; leave it out")
            yield first, tuple(row[position] for position in positions)
    except csv.Error as error:
        why = explain_quotes(path, end + 1, before + lines.line_num, error, dialect.encoding)
        raise UserError(f"{path}, {why}{hint}") from error


def report_blank_lines(path: Path, dialect: Dialect) -> None:
    """Logs how many lines of a file of rows hold nothing, or spaces alone: they are no rows."""
    mark = dialect.delimiter or ","
    with open_bytes(path) as raw:
        if all(map(bytes.strip, iter(lambda: raw.readline(PIECE), b""))):
            return
    with open_text(path, dialect.encoding) as file:
        number = skip_lines(file, find_preamble(path, dialect.encoding, mark)[0])
        count, width = 0, len(dialect.names)
        for _, row, _ in rows_with_lines(read_lines(file, path), mark, dialect, number):
            width = width or len(row)
            count += is_blank(row, width)
    if count:
        logger.info(f"{path}: {count:,} blank {'line is' if count == 1 else 'lines are'} left out")


def _json_rows(
    path: Path, file: TextIO, columns: Mapping[str, str], _: Dialect
) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(read_lines(file, path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: it is no JSON: {error}; correct the line") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: it holds {line.strip()[:40]!r}; each line is an object of JSON")
        require_columns(f"{path}, line {number}", list(row), columns)
        for name in columns:
            if isinstance(row[name], dict | list):
                raise UserError(f"{path}, line {number}: {name!r} holds no text but a {type(row[name]).__name__}")
        cells = tuple("" if row[name] is None else str(row[name]) for name in columns)
        if any("\ud800" <= letter <= "\udfff" for cell in cells for letter in cell if letter > "\ud7ff"):
            raise UserError(
                f"{path}, line {number}: it holds half of a character (\\ud800 to \\udfff); correct the line"
            )
        yield number, cells
