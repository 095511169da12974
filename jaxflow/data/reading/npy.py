"""Reads arrays from NumPy's files. Nothing is allocated that the file does not hold, and nothing is unpickled."""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from jaxflow.data.reading.limits import check_ratio
from jaxflow.errors import UserError, listed, reason

MAGIC = np.lib.format.MAGIC_PREFIX
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# How an .npz is compressed by NumPy; of other methods nothing bounds what they become.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_array(path: Path, name: str = "") -> np.ndarray:
    """Maps an .npy file, or reads the array of an .npz file.

    Args:
      path: the file.
      name: name of the array where there are several.

    Returns:
      The array; that of an .npy file is read from disk where it is looked at.

    Raises:
      UserError: the file holds none, several, or something else, or claims more than it holds.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
            if magic == MAGIC:
                _check_header(file, path.stat().st_size)
                return np.load(path, "r", allow_pickle=False)
            if magic.startswith(b"PK"):
                return _read_member(path, name)
            raise ValueError("it holds none" if magic else "it is empty")
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, ast and tokenize have each their own, and memory may be short
        raise UserError(f"{path} cannot be read as a NumPy array: {reason(error)}") from error


def _read_member(path: Path, name: str) -> np.ndarray:
    """Reads the array of a zip archive that is named, or the only one."""
    with zipfile.ZipFile(path) as archive:
        names = [member.removesuffix(".npy") for member in archive.namelist()]
        if len(names) != 1 and name not in names:
            one = f"name the one that is meant {name!r}" if name else "it takes one"
            raise UserError(f"{path} holds the arrays {listed(names) or 'none'}; {one}")
        member = archive.infolist()[names.index(name if name in names else names[0])]
        if member.compress_type not in METHODS:
            raise ValueError(f"it is compressed by method {member.compress_type}, and NumPy writes deflate")
        check_ratio(member.file_size, min(member.compress_size, path.stat().st_size))
        with archive.open(member) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise UserError(f"{path} holds no array, but other bytes")
            _check_header(file, member.file_size)
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(file: IO[bytes], size: int) -> None:
    """Raises ValueError if an array that begins in a file of `size` bytes claims more, or holds Python objects."""
    file.seek(0)
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"it has version {version} of the format, which is for names of fields; save plain numbers")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are code; save plain numbers")
    claimed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed > held or min(shape, default=0) < 0 or max(shape, default=0) > size:
        raise ValueError(f"its header claims {shape} of {dtype}, {claimed:,} bytes, and it holds {held:,}")
