"""Files: written atomically, as tables, and errors of the disk in one line."""

import csv
import errno
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that readers and crashes see the old text or the new, never a part."""
    path = path.resolve()  # a link stays a link, and what it points to is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def storage_error(path: Path) -> Iterator[None]:
    """Says in one line what is wrong with a disk that cannot be written to.

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


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Writes named columns of one length as a CSV file, all at once."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values()))
    write_atomically(path, table.getvalue())
