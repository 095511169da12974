"""Inputs that are made once and then stay in a file of the cache, for data larger than memory."""

import dataclasses
import errno
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import Dataset
from jaxflow.data.storage.cache import cache_folder, cached_arrays
from jaxflow.errors import UserError
from jaxflow.serialization import from_json, to_json

# What a disk says that takes no more.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Mapped:
    """What holds arrays that lie on disk; a copy in another process maps them anew, and takes no memory for them."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: _File(value.filename) if isinstance(value, np.memmap) else value
            for name, value in self.__dict__.items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = np.load(value.path, mmap_mode="r") if isinstance(value, _File) else value


@dataclass(frozen=True)
class _File:
    """Stands for the array that lies there."""

    path: str


@dataclass(frozen=True, eq=False)
class MappedSplit(Mapped):
    """A split whose inputs lie in a file; those of a batch are read whenever it is asked for.

    Attributes:
      inputs: (rows, ...) those of all splits.
      letters: (bytes,) uint8, the names of all rows, one after the other, in UTF-8.
      ends: (rows,) int64, where each name ends.
      targets: (examples, ...) array of classes or numbers.
      numbers: (examples,) int64, which row each example is.
    """

    inputs: np.ndarray
    letters: np.ndarray
    ends: np.ndarray
    targets: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        return {"inputs": self.inputs[self.numbers[indices]], "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Names the example at `index`."""
        row = self.numbers[index]
        return self.letters[self.ends[row - 1] if row else 0 : self.ends[row]].tobytes().decode()

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split would take in memory."""
        return len(self) * math.prod(self.inputs.shape[1:]) * self.inputs.itemsize + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "MappedSplit":
        """Makes the split of the examples at `indices`, in that order; nothing is read."""
        return dataclasses.replace(self, targets=self.targets[indices], numbers=self.numbers[indices])


def store(inputs: np.ndarray, targets: np.ndarray, ids: Sequence[str]) -> MappedSplit:
    """Makes the split of all examples, whose inputs lie in a file: (examples, ...), and so do the targets."""
    names = [id_.encode() for id_ in ids]
    letters, ends = np.frombuffer(b"".join(names), np.uint8), np.cumsum([len(name) for name in names])
    return MappedSplit(inputs, letters, ends, targets, np.arange(len(targets)))


def stored(key: str, make: Callable[[], Dataset]) -> Dataset:
    """Loads a dataset whose inputs lie in the cache, or makes it and puts them there.

    Args:
      key: names what the dataset is made from; a changed source must change it.
      make: makes the dataset, of StoredSplits that share all but `targets` and `numbers`.

    Returns:
      The dataset, of StoredSplits.

    Raises:
      UserError: the cache cannot be written.
    """

    def arrays_of() -> dict[str, np.ndarray]:
        dataset = validate(make())
        about = {"schema": to_json(dataset.schema), "excluded": dict(dataset.excluded)}
        about |= {"encoding": to_json(dataset.input_encoding), "splits": list(dataset.splits)}
        train = dataset.splits["train"]
        arrays = {"about": np.array([json.dumps(about)])}
        arrays |= {"inputs": train.inputs, "letters": train.letters, "ends": train.ends}
        for name, split in dataset.splits.items():
            arrays |= {f"{name}.targets": split.targets, f"{name}.numbers": split.numbers}
        return arrays

    arrays = cached_arrays(key, arrays_of, mapped=True)
    check_stored(arrays["inputs"])
    about = json.loads(str(arrays["about"][0]))
    shared = [arrays[name] for name in ("inputs", "letters", "ends")]
    splits = {
        name: MappedSplit(*shared, np.array(arrays[f"{name}.targets"]), np.array(arrays[f"{name}.numbers"]))
        for name in about["splits"]
    }
    return Dataset(splits, from_json(about["schema"]), about["excluded"], from_json(about["encoding"]))


def new_array(shape: tuple[int, ...], dtype: str, in_memory: bool) -> np.ndarray:
    """Makes room for an array: in memory, or in a file of the cache's disk that is gone when the array is.

    Raises:
      UserError: the cache cannot be written, or the disk is full.
    """
    if in_memory or 0 in shape:
        return np.empty(shape, dtype)
    with new_file() as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process when the array is written
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)  # outlives the file


@contextmanager
def new_file() -> Iterator[IO[bytes]]:
    """Opens a file without a name on the cache's disk.

    Yields:
      The file, to be written and read.

    Raises:
      UserError: the cache cannot be written, or the disk is full.
    """
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        opened = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115  (below, where errors mean something else)
    except OSError as error:
        raise _unwritable() from error
    try:
        with opened as file:
            yield file
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UserError(
            f"{cache_folder()} takes no more ({error.strerror}), and data.in_memory=False keeps there what it reads; "
            "make room, or set JAXFLOW_CACHE_DIR to another disk"
        ) from error


def check_stored(array: np.ndarray) -> None:
    """Refuses an array from `cached_arrays` that is in no file of the cache, since that could not be written."""
    if getattr(array, "filename", None) is None:
        raise _unwritable()


def _unwritable() -> UserError:
    return UserError(f"data.in_memory=False keeps what it reads in {cache_folder()}, which cannot be written")
