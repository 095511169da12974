"""Images that lie in files: read once to know them, or whenever a batch asks for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.console import track
from jaxflow.data.dataset import Feature
from jaxflow.data.images import read_images
from jaxflow.data.records import allow
from jaxflow.errors import UserError


@dataclass(frozen=True, eq=False)
class FileSplit:
    """A split whose images stay in their files; each is read whenever it is asked for.

    Attributes:
      folder: where they are.
      feature: what they become.
      ids: (examples,) their paths below `folder`, with slashes.
      targets: (examples,) int32.
    """

    folder: Path
    feature: Feature
    ids: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, height, width, channel), "targets": (batch,)}.

        Raises:
          UserError: an image cannot be read, though it could when the dataset was loaded first.
        """
        inputs = np.empty((len(indices), *self.feature.shape), np.uint8)
        paths = [self.folder / path for path in self.ids[indices]]
        for row, image in enumerate(read_images(paths, self.feature)):
            if isinstance(image, UserError):
                raise UserError(f"{image}; restore the file, then go on") from image
            inputs[row] = image
        return {"inputs": inputs, "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Names the example at `index`."""
        return str(self.ids[index])

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split would take in memory."""
        return len(self) * math.prod(self.feature.shape) + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "FileSplit":
        """Makes the split of the examples at `indices`, in that order; nothing is read."""
        return FileSplit(self.folder, self.feature, self.ids[indices], self.targets[indices])


def scan(folder: Path, paths: Sequence[str], feature: Feature, max_corrupt: int, images: bool) -> dict[str, np.ndarray]:
    """Reads every image once.

    Args:
      folder: where they are.
      paths: the images, below `folder`.
      feature: what they become.
      max_corrupt: how many may be unreadable; they are left out.
      images: whether the pixels are returned.

    Returns:
      "numbers", (examples,) int64, which images can be read, with `images` their "inputs", (examples, height, width,
      channel) uint8, and "bad", (bad images,) text, what is wrong with the others.

    Raises:
      UserError: too many images cannot be read, or they do not fit into memory.
    """
    shape = (len(paths) if images else 0, *feature.shape)
    try:
        inputs = np.empty(shape, np.uint8)
    except MemoryError as error:
        raise UserError(
            f"{len(paths)} images take {math.prod(shape):,} bytes, more than there is memory; leave them in files: "
            "--data.in_memory=False"
        ) from error
    numbers, bad = [], []
    read = read_images([folder / path for path in paths], feature)
    for number, image in enumerate(track(read, f"decode {folder.name}", len(paths))):
        if isinstance(image, UserError):
            bad.append(str(image))
            allow(bad, max_corrupt)
            continue
        if images:
            inputs[len(numbers)] = image
        numbers.append(number)
    kept = {"inputs": inputs[: len(numbers)]} if images else {}
    return kept | {"numbers": np.array(numbers, np.int64), "bad": np.array(bad, np.str_)}
