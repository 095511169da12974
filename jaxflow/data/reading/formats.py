"""Kinds of files that hold an example's input: how they are found and read."""

import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxflow.data.reading import audio, images, volumes
from jaxflow.data.reading.corrupt import error_line
from jaxflow.data.reading.threads import in_threads
from jaxflow.errors import UserError
from jaxflow.schema import Feature

T = TypeVar("T")
logger = logging.getLogger("jaxflow")

# Files that are waiting for a thread, or read and waiting to be taken.
CHUNK_SIZE = 256


@dataclass(frozen=True)
class Kind:
    """How files of one kind are found and read.

    Attributes:
      plural: what the files are called.
      suffixes: how their names end, in lower case.
      read: (path, feature) -> array of the feature's shape and dtype; raises UserError. None where what files become is
        fitted to all of them, as tokens are.
      read_mask: (path of the input, path of its mask, feature) -> int16 array of the feature's shape but for the
        channels, resized like the input, IGNORE where it is padded; raises UserError. None where there are no masks.
    """

    plural: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Feature], np.ndarray] | None = None
    read_mask: Callable[[Path, Path, Feature], np.ndarray] | None = None


# By the kind of their feature.
KINDS = {
    "image": Kind("images", images.SUFFIXES, images.read_image, images.read_mask),
    "volume": Kind("volumes", volumes.SUFFIXES, volumes.read_volume, volumes.read_mask),
    "audio": Kind("audio files", audio.SUFFIXES, audio.read_audio),
}


def find_files(folder: Path, kind: Kind) -> list[str]:
    """Lists the files of a kind in a folder and in the folders below it.

    Hidden files and folders are skipped, and so are files with another suffix. Symbolic links are not followed, which
    is logged: they may lead out of the folder, into a loop, or show one file in two splits.

    Args:
      folder: the folder.
      kind: the kind of files.

    Returns:
      Their paths relative to `folder`, with slashes, in ascending order.

    Raises:
      UserError: a folder cannot be listed, or a name is not UTF-8.
    """

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be listed: {error.strerror}; give it the permissions to be read")

    found, links = [], []
    for at, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links += [path for name in folders if os.path.islink(path := os.path.join(at, name))]
        for name in files:
            if name.startswith(".") or not name.lower().endswith(kind.suffixes):
                continue
            path = os.path.join(at, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                found.append(path)
            elif stat.S_ISLNK(mode):
                links.append(path)
    names = sorted(Path(path).relative_to(folder).as_posix() for path in found)
    wrong = [name for name in names if not name.isascii() and not _is_text(name)]
    if wrong:
        raise UserError(f"{folder} holds a file whose name is not UTF-8: {wrong[0]!a}; rename it")
    if links:
        logger.info(f"not followed: symbolic links in {folder}, {len(links)} of them, the first {min(links)}")
    return names


def none_found(folder: Path, kind: Kind) -> UserError:
    """Returns the error of a folder without files of a kind."""
    return UserError(f"{folder} holds no {kind.plural} ({', '.join(sorted(kind.suffixes))})")


def read_files(paths: Sequence[Path], feature: Feature) -> Iterator[np.ndarray | UserError]:
    """Reads files by several threads, in order.

    Args:
      paths: the files.
      feature: what they become.

    Yields:
      For each an array of the feature's shape and dtype; or the error that tells why it cannot be read.
    """
    read = KINDS[feature.kind].read
    return _read_all(lambda path: read(path, feature), paths)


def read_masks(paths: Sequence[tuple[Path, Path]], feature: Feature) -> Iterator[np.ndarray | UserError]:
    """Reads masks as `read_files` does.

    Args:
      paths: pairs of an input and its mask.
      feature: what the inputs become.

    Yields:
      For each the int16 values of the mask, IGNORE in padding; or the error that tells what is wrong.
    """
    read = KINDS[feature.kind].read_mask
    return _read_all(lambda pair: read(*pair, feature), paths)


def _read_all(read: Callable[[T], np.ndarray], items: Sequence[T]) -> Iterator[np.ndarray | UserError]:
    def attempt(item: T) -> np.ndarray | UserError:
        try:
            return read(item)
        except UserError as error:
            return error
        except (MemoryError, OverflowError) as error:
            path = item[-1] if isinstance(item, tuple) else item
            return UserError(f"{path} cannot be read: {error_line(error)}")

    for first in range(0, len(items), CHUNK_SIZE):
        yield from in_threads(attempt, items[first : first + CHUNK_SIZE])


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
