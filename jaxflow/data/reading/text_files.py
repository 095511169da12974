"""Opens text files: compressed ones too, in the encoding that they begin with; names files that are no text."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from jaxflow.errors import UserError, reason
from jaxflow.runtime.regular_files import require_regular

# How the names of compressed files end; what they are is seen by their first bytes.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
PANDAS = "pandas.{}(PATH).to_parquet('NAME.parquet') makes a table of it that is read"
WORKBOOK = "a workbook of a spreadsheet; save the sheet as CSV UTF-8"
# The first bytes of files that are no text, what they are and the way on.
OTHERS = {
    b"PK\x03\x04": "a zip archive; unpack it",
    b"\xd0\xcf\x11\xe0": WORKBOOK,
    b"PAR1": "a Parquet file; rename it to NAME.parquet",
    b"ARROW1": f"an Arrow (Feather) file; {PANDAS.format('read_feather')}",
    b"FEA1": f"a Feather file; {PANDAS.format('read_feather')}",
    b"ORC": f"an ORC file; {PANDAS.format('read_orc')}",
    b"\x89HDF": f"an HDF5 file; {PANDAS.format('read_hdf')}",
    b"SQLite format 3": "a SQLite database; export the table as CSV",
    b"%PDF": "a PDF file; export the table as CSV",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"<!doctype html": "a page of the web, perhaps of a download that failed; download the file itself",
    b"<html": "a page of the web, perhaps of a download that failed; download the file itself",
}  # fmt: skip
# Bytes of a line that are looked at together.
PIECE = 1 << 20
NAME_IT = "or name its encoding, for example encoding='cp1252' (Windows)"
SHEETS = (".xlsx", ".xlsm", ".ods")


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
    with path.open("rb") as file:
        first = file.read(16)
    if first.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path))
    if first.startswith(b"BZh"):
        return bz2.open(path)
    if first.startswith(b"\xfd7zXZ\0"):
        return lzma.open(path)
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        return io.BufferedReader(_Stream(pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")))
    for start, what in OTHERS.items():
        if first.lower().startswith(start.lower()):
            what = WORKBOOK if start == b"PK\x03\x04" and path.suffix.lower() in SHEETS else what
            raise UserError(f"{path} is {what}")
    return path.open("rb")


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
