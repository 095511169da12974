"""Volumes in folders, with a class each."""

from dataclasses import dataclass

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.reading.volumes import check_volume
from jaxflow.ranges import Count
from jaxflow.schema import Feature


@dataclass(frozen=True)
class VolumeFolder(LabelledSource):
    """Volume files (NIfTI, Analyze, MGH, .npy, .npz) in a folder, with a class each.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class. A table of path,label is named by `labels`.
    """

    size: tuple[Count, Count, Count] = (64, 64, 64)
    """Voxels along each axis: every volume is cropped, or padded with its lowest value, around its middle."""
    channels: Count = 1
    """Values of each voxel."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_volume(self.size, self.channels)

    def load(self) -> Dataset:
        """Finds the volumes, reads each once and splits them; a volume's id is its path below the folder.

        Returns:
          The dataset: (examples, depth, height, width, channels) float32 in the files' own units.

        Raises:
          UserError: the folder or its labels make no dataset, or more volumes are unreadable than `max_corrupt`.
        """
        feature = Feature("volume", (*self.size, self.channels), "float32")
        return load_labelled(self, feature)
