"""How much memory one file may take: what it claims is compared with that before anything is allocated."""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jaxflow.errors import UserError
from jaxflow.ranges import whole_number
from jaxflow.runtime.host_memory import allowed_host_bytes

_allowed_bytes = functools.cache(allowed_host_bytes)
# What deflate, of gzip and zip, makes of a byte at most: larger claims are no truth.
MAX_RATIO = 1032
# Characters of a line of text that are read at most: more than a book.
MAX_LINE = 1 << 27


def max_bytes() -> int:
    """Returns what one file may take in memory: $JAXFLOW_MAX_FILE_BYTES, else half of what this process may have.

    Raises:
      UserError: the variable holds no number.
    """
    text = os.environ.get("JAXFLOW_MAX_FILE_BYTES")
    if not text:
        return _allowed_bytes() // 2
    number = whole_number(text)
    if not number:
        raise UserError(f"JAXFLOW_MAX_FILE_BYTES is {text[:40]!r}; it is a number of bytes, or unset")
    return number


def check_bytes(needed: int) -> None:
    """Checks what a file is said to take in memory.

    Raises:
      ValueError: that is more than one file may take.
    """
    if needed > max_bytes():
        raise ValueError(
            f"it would take {needed:,} bytes of memory, and a file may take {max_bytes():,} (JAXFLOW_MAX_FILE_BYTES)"
        )


def check_ratio(claimed: int, compressed: int) -> None:
    """Checks what compressed bytes are said to become.

    Raises:
      ValueError: that is more than they can become, or than one file may take in memory.
    """
    if claimed > MAX_RATIO * compressed:
        raise ValueError(f"it claims {claimed:,} bytes, and the {compressed:,} that it has cannot hold them")
    check_bytes(claimed)


def read_lines(file: IO[str], path: Path, most: int = MAX_LINE) -> Iterator[str]:
    """Reads lines of text, with their ends.

    Args:
      file: open for reading.
      path: its path, for errors.
      most: characters of a line.

    Yields:
      The lines.

    Raises:
      UserError: a line is longer.
    """
    number = 1
    while line := file.readline(most + 1):
        if len(line) > most:
            raise UserError(f"{path}, line {number}: it is longer than {most:,} characters; divide it")
        yield line
        number += 1
