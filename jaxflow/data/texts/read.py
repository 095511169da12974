"""Reads texts: one in a file, one in each file of a folder, or one in each row of a table."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from jaxflow.console import track
from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.formats import Kind
from jaxflow.data.reading.limits import MAX_LINE, read_lines
from jaxflow.data.splitting import make_unique
from jaxflow.errors import UserError, listed

TEXTS = Kind("texts", (".txt",))
TABLES = (".csv", ".tsv", ".jsonl")
# Characters that are read at once: a text may be larger than memory.
CHUNK_SIZE = 1 << 20
# A cell of a table may hold a book; Python's own limit is 128 KiB.
csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True)
class Documents:
    """Texts that have been scanned once, and can be read again.

    Attributes:
      names: one for each, all different: a file's path, or a digest of a row's text.
      keys: what splits are decided by: the names, but equal rows share one.
      sizes: (documents,) int64 characters.
      read: yields (index of the document, a chunk of its text), in order.
      empty: number of further ones that hold nothing but white space; they are left out.
    """

    names: Sequence[str]
    keys: Sequence[str]
    sizes: np.ndarray
    read: Callable[[], Iterator[tuple[int, str]]]
    empty: int


def text_paths(path: Path, follow_links: bool = False) -> list[Path]:
    """Lists the files that hold texts.

    Args:
      path: a file, or a folder of .txt files.
      follow_links: whether symbolic links in a folder are followed.

    Returns:
      The files, in ascending order.

    Raises:
      UserError: there are none.
    """
    if path.is_dir():
        return [path / name for name in find_files(path, TEXTS, follow_links)]
    if not path.is_file():
        raise UserError(
            f"no text at {path}; data.path (--data.path=PATH) takes a text file, a folder of .txt files, or a .csv, "
            ".tsv or .jsonl file"
        )
    return [path]


def find_documents(path: Path, column: str, *, follow_links: bool = False) -> Documents:
    """Scans all texts once.

    Args:
      path: a text file, a folder of .txt files, or a .csv, .tsv or .jsonl file with a text in each row.
      column: of a table, the one that holds the texts.
      follow_links: whether symbolic links in a folder are followed.

    Returns:
      The documents that are not empty.

    Raises:
      UserError: there are none, or a file is not what it must be; it is named, and the line.
    """
    files, rows = text_paths(path, follow_links), path.suffix.lower() in TABLES and path.is_file()

    def chunks() -> Iterator[tuple[str, str]]:
        """Yields the position of a text, and a chunk of it."""
        if rows:
            yield from ((str(line), text) for line, (text,) in read_rows(path, (column,)))
        else:
            for file in files:
                name = file.relative_to(path).as_posix() if path.is_dir() else path.name
                yield from ((name, chunk) for chunk in read_text(file))

    sizes: Counter[str] = Counter()
    checksums, written = {}, set()
    for position, chunk in track(chunks(), f"read {path.name}"):
        sizes[position] += len(chunk)
        if rows:
            checksums[position] = text_digest(chunk)
        if not chunk.isspace() and chunk:
            written.add(position)
    positions = [position for position in sizes if position in written]
    if not positions:
        raise UserError(f"{path} holds no text; name one that does: --data.path=PATH")
    index_of = {position: index for index, position in enumerate(positions)}

    def read() -> Iterator[tuple[int, str]]:
        return ((index_of[position], chunk) for position, chunk in chunks() if position in index_of)

    keys = [checksums.get(position, position) for position in positions]
    empty = (len(sizes) if rows else len(files)) - len(positions)
    return Documents(make_unique(keys), keys, np.array([sizes[position] for position in positions]), read, empty)


def text_digest(text: str) -> str:
    """Computes a digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text(path: Path) -> Iterator[str]:
    """Reads a text file in chunks.

    Args:
      path: a file in UTF-8, with or without a byte-order mark; line ends are kept.

    Yields:
      CHUNK_SIZE characters, at the end fewer.

    Raises:
      UserError: it cannot be read, or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            while chunk := file.read(CHUNK_SIZE):
                yield chunk
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Reads some columns of a table.

    Args:
      path: a .csv or .tsv file whose first line names the columns, or a .jsonl file with an object on each line.
      columns: their names.

    Yields:
      The number of the line where a row ends, and its cells as text; empty where they are missing.

    Raises:
      UserError: the file, or a line of it, is no such table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = _json_rows if path.suffix.lower() == ".jsonl" else _csv_rows
            yield from read(path, file, columns)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _csv_rows(path: Path, file: IO[str], columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    lines = csv.reader(read_lines(file, path), delimiter=delimiter, strict=True)
    try:
        header = next(lines, [])
        for name in columns:
            if header.count(name) != 1:
                raise UserError(
                    f"{path}, line 1: there are {header.count(name)} columns named {name!r}; it has "
                    f"{listed(header) or 'none'}"
                )
        positions = [header.index(name) for name in columns]
        for row in lines:
            if len(row) != len(header) and row:
                raise UserError(
                    f"{path}, line {lines.line_num}: there are {len(row)} cells in {len(header)} columns; put quotes "
                    "around texts that hold what separates cells"
                )
            if row:
                yield lines.line_num, tuple(row[position] for position in positions)
    except csv.Error as error:
        raise UserError(f"{path}, line {lines.line_num}: {error}; correct the line") from error


def _json_rows(path: Path, file: IO[str], columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
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


def _not_utf8(path: Path) -> UserError:
    with path.open("rb") as file:
        for number, line in enumerate(read_lines(file, path), 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return UserError(f"{path}, line {number}: byte 0x{byte:02x} is no UTF-8; save the file as UTF-8")
    return UserError(f"{path} is no UTF-8; save the file as UTF-8")
