"""Files: atomic writes, CSV tables, and errors of the disk in one line."""

import csv
import errno
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from jaxflow.errors import UserError

# How a cell begins that a spreadsheet computes.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file, which replaces `path` at the end; after an error it is removed.

    Args:
      path: a symbolic link is kept, and what it points to is replaced.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def open_atomically(path: Path) -> Iterator[TextIO]:
    """Opens a text file to write, as `replacing` does: readers and crashes see the old text or the new."""
    with replacing(path) as fresh, fresh.open("w", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that readers and crashes see the old text or the new, never a part."""
    with open_atomically(path) as file:
        file.write(text)


@contextmanager
def storage_error(path: Path) -> Iterator[None]:
    """Raises errors of a disk that cannot be written to as one line.

    Args:
      path: what is written.

    Raises:
      UserError: the disk is full or read-only, or permission is denied. Other errors pass.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text, number = f"{error!r}", getattr(error, "errno", None)
        for full in (errno.ENOSPC, errno.EDQUOT):
            if number == full or os.strerror(full) in text:
                raise UserError(
                    f"disk full: cannot write {path}; free space, and launch again to go on from the last checkpoint"
                ) from error
        if number in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise UserError(f"cannot write {getattr(error, 'filename', None) or path}: {error.strerror}") from error
        raise


def write_table(path: Path, blocks: Iterable[Mapping[str, Sequence[Any]]], quoted: bool = True) -> None:
    """Writes a CSV file atomically.

    Args:
      path: the file.
      blocks: consecutive rows, one block or more: columns of equal length by name, the same names in each.
      quoted: whether text that a spreadsheet would compute is quoted, as `csv_rows` does.
    """
    blocks = iter(blocks)
    first = next(blocks)  # where this fails, not even a folder is created
    with open_atomically(path) as file:
        write_row = csv_rows(file, quoted)
        write_row(first)
        for columns in itertools.chain([first], blocks):
            for row in zip(*columns.values()):
                write_row(row)


def csv_rows(file: TextIO, quoted: bool = True) -> Callable[[Iterable[Any]], None]:
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
