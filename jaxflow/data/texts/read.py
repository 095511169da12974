"""Reads texts: one in a file, one in each file of a folder, or one in each row of a table."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.console import track
from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.formats import Kind
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.reading.text.files import open_text, readable, table_suffix
from jaxflow.data.reading.text.rows import find_dialect, read_rows
from jaxflow.data.splitting.keys import make_unique
from jaxflow.errors import UserError, perhaps

TEXTS = Kind("texts", (".txt",))
TABLES = (".csv", ".tsv", ".jsonl")
# Characters that are read at once: a text may be larger than memory.
CHUNK_SIZE = 1 << 20


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


def is_table(path: Path) -> bool:
    """Returns whether texts lie in the rows of a file: .csv, .tsv or .jsonl, compressed or not."""
    return table_suffix(path) in TABLES and path.is_file()


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
            f".tsv or .jsonl file{perhaps(path, Path.exists)}"
        )
    return [path]


def find_documents(path: Path, files: Sequence[Path], column: str, dialect: Dialect) -> Documents:
    """Scans all texts once.

    Args:
      path: a text file, a folder of .txt files, or a .csv, .tsv or .jsonl file with a text in each row.
      files: its files, of `text_paths`.
      column: of a table, the one that holds the texts.
      dialect: how a file is written.

    Returns:
      The documents that are not empty.

    Raises:
      UserError: there are none, or a file is not what it must be; it is named, and the line.
    """
    rows = is_table(path)
    dialect = find_dialect(path, (column,), dialect) if rows else dialect
    columns = {column: "data.column"}

    def chunks() -> Iterator[tuple[str, str]]:
        """Yields the position of a text, and a chunk of it."""
        if rows:
            yield from ((str(line), text) for line, (text,) in read_rows(path, columns, dialect))
        else:
            for file in files:
                name = file.relative_to(path).as_posix() if path.is_dir() else path.name
                yield from ((name, chunk) for chunk in read_text(file, dialect.encoding))

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


def read_text(path: Path, encoding: str | None = None) -> Iterator[str]:
    """Reads a text file in chunks.

    Args:
      path: a text file, compressed or not; line ends are kept.
      encoding: how its characters are encoded; None for UTF-8, or what a byte-order mark says.

    Yields:
      CHUNK_SIZE characters, at the end fewer.

    Raises:
      UserError: it cannot be read, or is not of this encoding.
    """
    with readable(path, encoding), open_text(path, encoding) as file:
        while chunk := file.read(CHUNK_SIZE):
            yield chunk
