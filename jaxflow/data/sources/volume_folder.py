"""Volumes in folders, with a class each."""

from dataclasses import dataclass, field
from typing import Any

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.splits import check_group
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.errors import UserError
from jaxflow.schema import Feature


@dataclass(frozen=True)
class VolumeFolder:
    """Volume files (NIfTI, .npy, .npz) in a folder, with a class each.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class. A table of path,label is named by `labels`.
    """

    path: str = field(metadata={"identity": False})
    """The folder."""
    size: tuple[int, int, int] = (64, 64, 64)
    """Voxels along each axis: every volume is cut, or filled up with its lowest value, around its middle."""
    channels: int = 1
    """Numbers for each voxel."""
    split: HoldOut | KFold = HoldOut()
    """How volumes are held out; official validation and test folders are kept."""
    group: str | None = None
    """Regular expression whose first group, found in a file's path, names what stays on one side of the split, such as
    the patient; None where each file is its own."""
    labels: str | None = None
    """CSV file with the columns path and label, relative to the folder; None takes labels from folders or names."""
    drop_duplicates: bool = False
    """Whether of volumes whose files hold the same bytes one is kept; that of the test where there
    is one. The others are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the volumes can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether volumes are kept in memory, and in the cache. With False every batch reads its own; the batches are the
    same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Volumes that may be unreadable; they are left out, and counted. One more stops the run and names it."""

    def __post_init__(self) -> None:
        check_volumes(self)
        check_group(self.group)

    def load(self) -> Dataset:
        """Finds the volumes, reads each once and splits them; a volume's id is its path below the folder.

        Returns:
          The dataset: (examples, depth, height, width, channels) float32 in the files' own units.

        Raises:
          UserError: the folder or its labels make no dataset, or more volumes are unreadable than `max_corrupt`.
        """
        feature = Feature("volume", (*self.size, self.channels), "float32")
        return load_labelled(self, feature)


def check_volumes(source: Any) -> None:
    """Refuses sizes that no volume has."""
    sides = source.size if isinstance(source.size, tuple) else ()
    if len(sides) != 3 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(f"data.size is {source.size}; it is three numbers of voxels, for example (64, 64, 64)")
    if source.channels < 1:
        raise UserError(f"data.channels is {source.channels}; it must be 1 or more")
    if source.max_corrupt < 0:
        raise UserError(f"data.max_corrupt is {source.max_corrupt}; it must be 0 or more")
