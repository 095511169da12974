"""Inputs that are encoded once and then mapped from a file of the cache, for data larger than memory."""

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

# Errors of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Mapped:
    """Base of values with arrays that lie on disk; a copy in another process maps them anew and takes no memory."""

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
    """Stands for the array in a file."""

    path: str


@dataclass(frozen=True, eq=False)
class MappedSplit(Mapped):
    """A split whose inputs lie in a file; those of a batch are read when the batch is built.

    Attributes:
      inputs: (rows, ...), those of all splits.
      letters: (bytes,) uint8, the ids of all rows, one after the other, in UTF-8.
      ends: (rows,) int64, where each id ends.
      targets: (examples, ...) array of class indices or values.
      numbers: (examples,) int64, the row of each example.
      row_lines: (rows,) int64, the line of its file where each row begins; None where they are not lines of one file.
    """

    inputs: np.ndarray
    letters: np.ndarray
    ends: np.ndarray
    targets: np.ndarray
    numbers: np.ndarray
    row_lines: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        return {"inputs": self.inputs[self.numbers[indices]], "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Returns the id of the example at `index`."""
        row = self.numbers[index]
        return self.letters[self.ends[row - 1] if row else 0 : self.ends[row]].tobytes().decode()

    @property
    def lines(self) -> np.ndarray | None:
        """Line of its file where each example begins, (examples,); None where they are not lines of one file."""
        return None if self.row_lines is None else np.array(self.row_lines[self.numbers])

    @property
    def nbytes(self) -> int:
        """Size that the whole split would have in memory, in bytes."""
        inputs = len(self) * math.prod(self.inputs.shape[1:]) * self.inputs.itemsize
        return inputs + self.targets.size * min(self.targets.itemsize, 4)  # as in batches

    def take(self, indices: np.ndarray) -> "MappedSplit":
        """Returns the split of the examples at `indices`, in that order; nothing is read."""
        return dataclasses.replace(self, targets=self.targets[indices], numbers=self.numbers[indices])


def mapped_split(
    inputs: np.ndarray, targets: np.ndarray, ids: Sequence[str], lines: np.ndarray | None = None
) -> MappedSplit:
    """Returns the split of all examples: mapped inputs and targets, both (examples, ...), ids, and lines of a file."""
    names = [id_.encode() for id_ in ids]
    letters, ends = np.frombuffer(b"".join(names), np.uint8), np.cumsum([len(name) for name in names])
    return MappedSplit(inputs, letters, ends, targets, np.arange(len(targets)), lines)


def cached_dataset(key: str, make: Callable[[], Dataset]) -> Dataset:
    """Loads a dataset whose inputs lie in the cache, or builds it and writes them there.

    Args:
      key: identifies what the dataset is built from; a changed source must change it.
      make: builds the dataset, of MappedSplits that share all but `targets` and `numbers`.

    Returns:
      The dataset, of MappedSplits.

    Raises:
      UserError: the cache cannot be written.
    """

    def arrays_of() -> dict[str, np.ndarray]:
        dataset = validate(make())
        about = {"schema": to_json(dataset.schema), "excluded": dict(dataset.excluded)}
        group_names = sorted({name for names in dataset.groups.values() for name in names})
        about |= {"written_in": dataset.written_in, "group_names": group_names}
        about |= {"encoding": to_json(dataset.input_encoding), "splits": list(dataset.splits)}
        train = dataset.splits["train"]
        arrays = {"about": np.array([json.dumps(about)])}
        arrays |= {"inputs": train.inputs, "letters": train.letters, "ends": train.ends}
        arrays |= {} if train.row_lines is None else {"row_lines": train.row_lines}
        for name, split in dataset.splits.items():
            arrays |= {f"{name}.targets": split.targets, f"{name}.numbers": split.numbers}
        number_of = {name: number for number, name in enumerate(group_names)}
        return arrays | {
            f"{name}.groups": np.array([number_of[group] for group in groups], np.int64)
            for name, groups in dataset.groups.items()
        }

    arrays = cached_arrays(key, arrays_of, mapped=True)
    require_mapped(arrays["inputs"])
    about = json.loads(str(arrays["about"][0]))
    shared = [arrays[name] for name in ("inputs", "letters", "ends")]
    splits = {
        name: MappedSplit(
            *shared,
            np.array(arrays[f"{name}.targets"]),
            np.array(arrays[f"{name}.numbers"]),
            arrays.get("row_lines"),
        )
        for name in about["splits"]
    }
    group_names = about.get("group_names", [])
    groups = {
        name: [group_names[number] for number in arrays[f"{name}.groups"].tolist()]
        for name in about["splits"]
        if f"{name}.groups" in arrays
    }
    schema, encoding = from_json(about["schema"]), from_json(about["encoding"])
    return Dataset(splits, schema, about["excluded"], encoding, groups=groups, written_in=about.get("written_in"))


def new_array(shape: tuple[int, ...], dtype: str, in_memory: bool) -> np.ndarray:
    """Allocates an array: in memory, or in a file of the cache's disk that is deleted with the array.

    Raises:
      UserError: the cache cannot be written, or the disk is full.
    """
    if in_memory or 0 in shape:
        return np.empty(shape, dtype)
    with new_file() as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process when the array is written
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)  # remains when the file is closed


@contextmanager
def new_file() -> Iterator[IO[bytes]]:
    """Opens a file without a name on the cache's disk.

    Yields:
      The file, open for writing and reading.

    Raises:
      UserError: the cache cannot be written, or the disk is full.
    """
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        opened = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115  (closed below, where errors mean something else)
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


def require_mapped(array: np.ndarray) -> None:
    """Raises UserError if an array from `cached_arrays` is not mapped, since the cache could not be written."""
    if getattr(array, "filename", None) is None:
        raise _unwritable()


def _unwritable() -> UserError:
    return UserError(f"data.in_memory=False keeps what it reads in {cache_folder()}, which cannot be written")
