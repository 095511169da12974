"""Files that each hold an example's input: which there are, and what they hold."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.console import say
from jaxflow.data import images
from jaxflow.data.dataset import Feature
from jaxflow.data.threads import in_threads
from jaxflow.errors import UserError

# Files that are waiting for a thread, or read and waiting to be taken.
AT_ONCE = 256


@dataclass(frozen=True)
class Kind:
    """How files of one kind are found and read.

    Attributes:
      plural: what they are called.
      suffixes: how their names end, in lower case.
      read: (path, feature) -> array of the feature's shape and dtype; raises UserError.
    """

    plural: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Feature], np.ndarray]


# By the kind of their feature.
KINDS = {"image": Kind("images", images.SUFFIXES, images.read_image)}


def find_files(folder: Path, kind: Kind) -> list[str]:
    """Lists the files of a kind in a folder and in the folders below it.

    Hidden files and folders are left alone, and so is what has another suffix. Symbolic links are not followed, and
    this is said: they may lead out of the folder, into a loop, or show one file in two splits.

    Args:
      folder: where to look.
      kind: what to look for.

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
        say(f"not followed: symbolic links in {folder}, {len(links)} of them, the first {min(links)}")
    return names


def none_found(folder: Path, kind: Kind) -> UserError:
    """Makes the error that says that a folder holds no files of a kind."""
    return UserError(f"{folder} holds no {kind.plural} ({', '.join(sorted(kind.suffixes))})")


def read_files(paths: Sequence[Path], feature: Feature) -> Iterator[np.ndarray | UserError]:
    """Reads files by several threads, in order.

    Args:
      paths: the files.
      feature: what they shall be.

    Yields:
      For each an array of the feature's shape and dtype; or the error that says why it cannot be read.
    """
    read = KINDS[feature.kind].read

    def attempt(path: Path) -> np.ndarray | UserError:
        try:
            return read(path, feature)
        except UserError as error:
            return error

    for first in range(0, len(paths), AT_ONCE):
        yield from in_threads(attempt, paths[first : first + AT_ONCE])


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
