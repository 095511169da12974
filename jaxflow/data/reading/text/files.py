"""Opens text files: compressed ones too, in the encoding that they begin with; names files that are no text."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from jaxflow.data.other_formats import BEGINNING, FIRST_TEXT, other_format, other_text
from jaxflow.errors import UserError, reason
from jaxflow.runtime.regular_files import require_regular

# How the names of compressed files end; what they are is seen by their first bytes.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
# Bytes of a line that are looked at together.
PIECE = 1 << 20
# The line by which Excel is told what separates columns, and what begins like a number.
SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE | re.DOTALL)
WITH_DIGIT = re.compile(r"\s*[+-]?[.,]?\d")
# Lines before the names of columns at most.
MAX_PREAMBLE = 1000
NAME_IT = "or name its encoding, for example encoding='cp1252' (Windows)"


def table_suffix(path: Path) -> str:
    """Returns the suffix of a file in lower case, of a compressed one that of its content: .csv of a.csv.gz."""
    name = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower()


class _Stream(io.RawIOBase):
    """A stream of Arrow as one of Python."""

    def __init__(self, arrow: Any) -> None:
        self.arrow = arrow

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.arrow.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file for reading; what gzip, bzip2, xz or Zstandard compressed is decompressed.

    Raises:
      UserError: it is no text: a workbook, an archive, a database; the way on is named.
      OSError: it cannot be opened.
    """
    require_regular(path)
    file = _open_decompressed(path)
    try:
        if (what := other_format(file.peek(BEGINNING)[:BEGINNING], path)) is not None:
            raise UserError(f"{path} is {what}")
    except BaseException:
        file.close()
        raise
    return cast(IO[bytes], file)


def _open_decompressed(path: Path) -> Any:
    """Opens a file as bytes that can be peeked at; what is compressed is told by its first bytes."""
    with path.open("rb") as file:
        first = file.read(16)
    if first.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if first.startswith(b"BZh"):
        return bz2.open(path)
    if first.startswith(b"\xfd7zXZ\0"):
        return lzma.open(path)
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        return io.BufferedReader(_Stream(pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")))
    return path.open("rb")


def check_rows(path: Path, encoding: str | None = None) -> None:
    """Raises UserError if a text file is JSON, ARFF or XML and no file of rows; the way on is named."""
    with open_text(path, encoding) as file:
        what = other_text(file.read(FIRST_TEXT))
    if what is not None:
        raise UserError(f"{path} is {what}")


def find_encoding(path: Path) -> str:
    """Returns the encoding of a text file: by its byte-order mark, by zeros of UTF-16 without one, else UTF-8.

    Raises:
      UserError: it is no text.
      OSError: it cannot be read.
    """
    with open_bytes(path) as file:
        first = file.read(1024)
    for bom, encoding in BOMS:
        if first.startswith(bom):
            return encoding
    pairs = len(first) // 2
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if pairs and first[start::2].count(0) > 0.7 * pairs:
            return encoding
    return "utf-8"


def open_text(path: Path, encoding: str | None = None) -> TextIO:
    """Opens a text file for reading, compressed or not; line ends are kept.

    Args:
      path: the file.
      encoding: its encoding; None for what `find_encoding` finds.

    Raises:
      UserError: it is no text.
      OSError: it cannot be opened.
    """
    encoding = encoding or find_encoding(path)
    return io.TextIOWrapper(open_bytes(path), encoding, newline="")


def find_preamble(path: Path, encoding: str | None = None, delimiters: str = ",;\t|") -> tuple[int, str | None]:
    """Finds the lines of a file of rows before the names of its columns: "sep=;", as Excel writes it, and # comments.

    A line that begins with # is the names where it has as many cells as the next, and is written like names: # is a
    cell of its own ("#,name"), or the next line holds a number ("# x,y").

    Args:
      path: a text file of rows.
      encoding: its encoding; None for what `find_encoding` finds.
      delimiters: what may separate columns.

    Returns:
      The number of these lines, and the delimiter that they name; None where they name none.
    """
    delimiter, lines = None, []
    with open_text(path, encoding) as file:
        while len(lines) < MAX_PREAMBLE and (line := file.readline(PIECE)):
            lines.append(line.strip("\ufeff\r\n "))
            if named := SEPARATOR.fullmatch(lines[-1]) if len(lines) == 1 else None:
                delimiter = named[1]
            elif lines[-1] and not lines[-1].startswith("#"):
                break
    first = 1 if delimiter else 0
    used = [number for number, line in enumerate(lines) if number >= first and line]
    if not used or lines[used[-1]].startswith("#"):  # nothing but comments
        return first, delimiter
    names = len(used) > 1 and _are_names(lines[used[-2]], lines[used[-1]], delimiter or delimiters)
    comments = used[: -2 if names else -1]
    return (comments[-1] + 1 if comments else first), delimiter


def _are_names(line: str, following: str, delimiters: str) -> bool:
    """Returns whether a line that begins with # names the columns of the row that follows."""
    for mark in delimiters:
        if (count := line.count(mark)) and count == following.count(mark):
            return line[1:2] == mark or any(map(WITH_DIGIT.match, following.split(mark)))
    return line == "#"


def check_encoding(encoding: str | None) -> None:
    """Raises UserError if an encoding has a name that nobody knows."""
    try:
        codecs.lookup("utf-8" if encoding is None else encoding)
    except (LookupError, TypeError, ValueError):
        raise UserError(
            f"data.encoding is {encoding!r}, which is no encoding; for example 'cp1252' (Windows), 'latin-1', 'utf-16'"
        ) from None


@contextmanager
def readable(path: Path, encoding: str | None) -> Iterator[None]:
    """Raises what goes wrong with a text file as UserError."""
    try:
        yield
    except UnicodeError as error:
        where = undecodable(path, encoding)
        name = "UTF-8" if encoding is None else encoding
        raise UserError(f"{path}{where and f', {where}'} is no {name}; save the file as UTF-8, {NAME_IT}") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{path} cannot be read: {reason(error)}") from error


def undecodable(path: Path, encoding: str | None) -> str:
    """Returns where a text file is not of its encoding: the line and the byte; "" where that cannot be told."""
    used = encoding or find_encoding(path)
    if used.startswith(("utf-16", "utf-32")):  # whose lines cannot be told apart by bytes
        return ""
    with open_bytes(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(PIECE), b""), 1):
            try:
                line.decode(used)
            except UnicodeDecodeError as error:
                if len(line) < PIECE:  # else a character may go on in the next piece of the line
                    return f"line {number}: byte 0x{line[error.start]:02x}"
    return ""
