"""Files: atomic writes, CSV tables, and errors of the disk in one line."""

import csv
import errno
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from jaxflow.errors import UserError

# Temporary files of this process.
_unfinished: set[Path] = set()


def remove_unfinished() -> None:
    """Removes the temporary files that are being written: for a process that ends at once."""
    for path in list(_unfinished):
        path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file, which replaces `path` at the end; after an error it is removed.

    Args:
      path: a symbolic link is kept, and what it points to is replaced.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    _unfinished.add(fresh)
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
        _unfinished.discard(fresh)


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


def write_table(path: Path, blocks: Iterable[Mapping[str, Sequence[Any]]]) -> None:
    """Writes a CSV file atomically.

    Args:
      path: the file.
      blocks: consecutive rows, one block or more: columns of equal length by name, the same names in each.
    """
    blocks = iter(blocks)
    first = next(blocks)  # where this fails, not even a folder is created
    with open_atomically(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(first)
        for columns in itertools.chain([first], blocks):
            writer.writerows(zip(*columns.values()))
