"""Regular files: a path may lead to a pipe, which waits for a writer for ever, or to a device that never ends."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from jaxflow.errors import UserError

KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def require_regular(path: Path) -> None:
    """Checks that what is at a path can be read to its end; what is not there, or a folder, is left to who reads it.

    Raises:
      UserError: it is a pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # the reader says it
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise _irregular(path, mode)


def open_regular(path: Path, most: int) -> BinaryIO:
    """Opens a file for reading.

    Args:
      path: the file; a pipe is not waited for.
      most: bytes that it may have.

    Raises:
      UserError: it is no regular file, or larger.
      OSError: it is not there, or cannot be read.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return file
    file.close()
    if not stat.S_ISREG(found.st_mode):
        raise _irregular(path, found.st_mode)
    raise UserError(f"{path} has {found.st_size:,} bytes, and {most:,} is the most that such a file has; restore it")


def read_regular(path: Path, most: int) -> bytes:
    """Reads a whole file; arguments and errors are those of `open_regular`."""
    with open_regular(path, most) as file:
        return file.read(most)


def _irregular(path: Path, mode: int) -> UserError:
    return UserError(f"{path} is {KINDS.get(stat.S_IFMT(mode), 'something else')} and no file; put a file there")
