"""Volumes with masks, a class for each voxel."""

from dataclasses import dataclass

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.masked import load_masked
from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.reading.volumes import check_volume
from jaxflow.ranges import Count
from jaxflow.schema import Feature


@dataclass(frozen=True)
class VolumeMasks(MaskedSource):
    """Volumes and masks (NIfTI, Analyze, MGH, .npy, .npz) in a folder each, paired by their names.

    That is volumes/a.nii.gz and masks/a.nii.gz, or train/volumes/a.nii.gz and train/masks/a.nii.gz.
    """

    size: tuple[Count, Count, Count] = (64, 64, 64)
    """Voxels along each axis: every volume is cropped, or padded with its lowest value, around its middle. Padding
    counts nowhere."""
    channels: Count = 1
    """Values of each voxel."""
    volumes: str = "volumes"
    """Name of the folder of volumes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_volume(self.size, self.channels)

    def load(self) -> Dataset:
        """Finds the pairs, reads each once and splits them; an example's id is its volume's path below the folder.

        Returns:
          The dataset: (examples, depth, height, width, channels) float32 in the files' own units, and targets
          (examples, depth, height, width).

        Raises:
          UserError: the folder makes no dataset, or more files are unreadable than `max_corrupt`.
        """
        return load_masked(self, self.volumes, Feature("volume", (*self.size, self.channels), "float32"))
