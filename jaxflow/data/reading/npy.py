"""Reads arrays from NumPy's files."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxflow.errors import UserError


def read_array(path: Path, name: str = "") -> np.ndarray:
    """Maps an .npy file, or reads the array of an .npz file.

    Args:
      path: the file.
      name: name of the array where there are several.

    Returns:
      The array; that of an .npy file is read from disk where it is looked at.

    Raises:
      UserError: the file holds none, several, or something else.
    """
    try:
        loaded = np.load(path, "r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = list(loaded)
            if len(names) != 1 and name not in names:
                one = f"name the one that is meant {name!r}" if name else "it takes one"
                raise UserError(f"{path} holds the arrays {', '.join(names) or 'none'}; {one}")
            array = loaded[name if name in names else names[0]]
        if not isinstance(array, np.ndarray):
            raise UserError(f"{path} holds no array, but other bytes")
        return array
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} cannot be read as a NumPy array: {error or type(error).__name__}") from error
