"""Kinds of files that hold an example's input: how they are named and read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxflow.data.reading import audio, image_masks, images, volumes
from jaxflow.data.reading.corrupt import error_line
from jaxflow.data.threads import in_threads
from jaxflow.errors import UserError
from jaxflow.schema import Feature

T = TypeVar("T")

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
      companions: how names of files end that are read along with another, as a header beside its voxels.
      measures: names of the numbers that `measure` returns.
      measure: path -> (measures,) float64, what a file is before it becomes an input: its size, its grey levels; raises
        UserError.
    """

    plural: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Feature], np.ndarray] | None = None
    read_mask: Callable[[Path, Path, Feature], np.ndarray] | None = None
    companions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    measure: Callable[[Path], np.ndarray] | None = None


# By the kind of their feature.
KINDS = {
    "image": Kind(
        "images",
        images.SUFFIXES,
        images.read_image,
        image_masks.read_mask,
        measures=images.MEASURES,
        measure=images.measure_image,
    ),
    "volume": Kind(
        "volumes",
        volumes.SUFFIXES,
        volumes.read_volume,
        volumes.read_mask,
        companions=(".hdr",),
        measures=volumes.MEASURES,
        measure=volumes.measure_volume,
    ),
    "audio": Kind(
        "audio files", audio.SUFFIXES, audio.read_audio, measures=audio.MEASURES, measure=audio.measure_audio
    ),
}


def without_suffix(path: str, kind: Kind) -> str:
    """Returns the path of a file of a kind without the longest of the kind's suffixes that it ends with."""
    return path[: -max(len(suffix) for suffix in kind.suffixes if path.lower().endswith(suffix))]


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


def measure_files(paths: Sequence[Path], kind: Kind) -> Iterator[np.ndarray | UserError]:
    """Measures files of a kind, as `read_files` reads them.

    Yields:
      For each (measures,) float64, or the error that tells why it cannot be read.
    """
    return _read_all(kind.measure, paths)


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
