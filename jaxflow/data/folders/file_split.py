"""Inputs in files: read once, or whenever a batch is built."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.console import track
from jaxflow.data.reading.corrupt import check_corrupt
from jaxflow.data.reading.formats import read_files
from jaxflow.errors import UserError
from jaxflow.schema import Feature


@dataclass(frozen=True, eq=False)
class FileSplit:
    """A split whose inputs are read from their files when a batch is built.

    Attributes:
      folder: the folder of the files.
      feature: what the files become.
      ids: (examples,) their paths below `folder`, with slashes.
      targets: (examples, ...).
    """

    folder: Path
    feature: Feature
    ids: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}.

        Raises:
          UserError: a file cannot be read, though it could when the dataset was loaded first.
        """
        inputs = np.empty((len(indices), *self.feature.shape), self.feature.dtype)
        paths = [self.folder / path for path in self.ids[indices]]
        for row, array in enumerate(read_files(paths, self.feature)):
            if isinstance(array, UserError):
                raise UserError(f"{array}; restore the file, then go on") from array
            inputs[row] = array
        return {"inputs": inputs, "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Returns the id of the example at `index`."""
        return str(self.ids[index])

    @property
    def nbytes(self) -> int:
        """Size that the whole split would have in memory, in bytes."""
        return len(self) * math.prod(self.feature.shape) * np.dtype(self.feature.dtype).itemsize + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "FileSplit":
        """Returns the split of the examples at `indices`, in that order; nothing is read."""
        return FileSplit(self.folder, self.feature, self.ids[indices], self.targets[indices])


def read_all(
    examples: Iterable[Mapping[str, np.ndarray] | UserError],
    count: int,
    like: Mapping[str, tuple[tuple[int, ...], str]],
    max_corrupt: int,
    name: str,
) -> dict[str, np.ndarray]:
    """Reads every example once.

    Args:
      examples: arrays of each by name, or what is wrong with it.
      count: number of examples.
      like: shape and dtype of the arrays that are returned, by name.
      max_corrupt: how many may be unreadable; they are left out.
      name: name of the dataset, for the progress bar.

    Returns:
      The arrays by name, (examples, ...); "numbers", (examples,) int64, which examples can be read; and "bad", (bad
      examples,) text, what is wrong with the others.

    Raises:
      UserError: too many examples cannot be read, or they do not fit into memory.
    """
    size = sum(count * math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in like.values())
    try:
        arrays = {name: np.empty((count, *shape), dtype) for name, (shape, dtype) in like.items()}
    except (MemoryError, ValueError) as error:  # ValueError: more than there are addresses
        raise UserError(
            f"{count} files take {size:,} bytes when they are read, more than there is memory; leave them in files: "
            "--data.in_memory=False"
        ) from error
    numbers, bad = [], []
    for number, example in enumerate(track(examples, f"read {name}", count)):
        if isinstance(example, UserError):
            bad.append(str(example))
            check_corrupt(bad, max_corrupt)
            continue
        for leaf in arrays:
            arrays[leaf][len(numbers)] = example[leaf]
        numbers.append(number)
    arrays = {leaf: array[: len(numbers)] for leaf, array in arrays.items()}
    return arrays | {"numbers": np.array(numbers, np.int64), "bad": np.array(bad, np.str_)}
