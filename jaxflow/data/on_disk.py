"""Inputs that are made once and then stay in a file of the cache, for data larger than memory."""

import dataclasses
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxflow.data.cache import cache_folder, cached_arrays
from jaxflow.data.dataset import Dataset, Feature, Schema, Target
from jaxflow.errors import UserError


class Mapped:
    """What holds arrays that lie on disk; a copy in another process maps them anew, and takes no memory for them."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: Path(value.filename) if isinstance(value, np.memmap) else value
            for name, value in self.__dict__.items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = np.load(value, mmap_mode="r") if isinstance(value, Path) else value


@dataclass(frozen=True, eq=False)
class StoredSplit(Mapped):
    """A split whose inputs lie in a file; those of a batch are read whenever it is asked for.

    Attributes:
      inputs: (rows, ...) those of all splits.
      targets: (examples, ...) array of classes or numbers.
      ids: (examples,) one stable name per example, text.
      numbers: (examples,) int64, which row each example is.
    """

    inputs: np.ndarray
    targets: np.ndarray
    ids: np.ndarray
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        return {"inputs": np.array(self.inputs[self.numbers[indices]]), "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Names the example at `index`."""
        return str(self.ids[index])

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split would take in memory."""
        return len(self) * math.prod(self.inputs.shape[1:]) * self.inputs.itemsize + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "StoredSplit":
        """Makes the split of the examples at `indices`, in that order; nothing is read."""
        return StoredSplit(self.inputs, self.targets[indices], self.ids[indices], self.numbers[indices])


def store(inputs: np.ndarray, targets: np.ndarray, ids: Sequence[str]) -> StoredSplit:
    """Makes the split of all examples, whose inputs lie in a file: (examples, ...), and so do the targets."""
    return StoredSplit(inputs, targets, np.array(ids, np.str_), np.arange(len(targets)))


def stored(key: str, make: Callable[[], Dataset]) -> Dataset:
    """Loads a dataset whose inputs lie in the cache, or makes it and puts them there.

    Args:
      key: names what the dataset is made from; a changed source must change it.
      make: makes the dataset, of StoredSplits that share `inputs`.

    Returns:
      The dataset, of StoredSplits.

    Raises:
      UserError: the cache cannot be written.
    """

    def arrays_of() -> dict[str, np.ndarray]:
        dataset = make()
        about = {"schema": dataclasses.asdict(dataset.schema), "left_out": dict(dataset.left_out)}
        about |= {"encoding": dataset.encoding, "splits": list(dataset.splits)}
        arrays = {"about": np.array([json.dumps(about)])}
        for name, split in dataset.splits.items():
            arrays |= {"inputs": split.inputs, f"{name}.numbers": split.numbers}
            arrays |= {f"{name}.targets": split.targets, f"{name}.ids": split.ids}
        return arrays

    arrays = cached_arrays(key, arrays_of, mapped=True)
    check_stored(arrays["inputs"])
    about = json.loads(str(arrays["about"][0]))
    splits = {}
    for name in about["splits"]:
        targets, ids, numbers = (np.array(arrays[f"{name}.{leaf}"]) for leaf in ("targets", "ids", "numbers"))
        splits[name] = StoredSplit(arrays["inputs"], targets, ids, numbers)
    feature, target = (
        {field: tuple(value) if isinstance(value, list) else value for field, value in part.items()}
        for part in (about["schema"]["inputs"], about["schema"]["target"])
    )
    return Dataset(splits, Schema(Feature(**feature), Target(**target)), about["left_out"], about["encoding"])


def new_array(shape: tuple[int, ...], dtype: str, in_memory: bool) -> np.ndarray:
    """Makes room for an array: in memory, or in a file of the cache's disk that is gone when the array is.

    Raises:
      UserError: the cache cannot be written.
    """
    if in_memory:
        return np.empty(shape, dtype)
    with new_file() as file:
        try:
            return np.memmap(file, dtype, "w+", shape=shape)  # outlives the file
        except OSError as error:
            raise _unwritable() from error


def new_file() -> IO[bytes]:
    """Opens a file without a name on the cache's disk.

    Raises:
      UserError: the cache cannot be written.
    """
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=cache_folder())
    except OSError as error:
        raise _unwritable() from error


def check_stored(array: np.ndarray) -> None:
    """Refuses an array from `cached_arrays` that is in no file of the cache, since that could not be written."""
    if getattr(array, "filename", None) is None:
        raise _unwritable()


def _unwritable() -> UserError:
    return UserError(f"data.in_memory=False keeps what it reads in {cache_folder()}, which cannot be written")
