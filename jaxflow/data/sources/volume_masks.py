"""Volumes with masks, a class for each voxel."""

from dataclasses import dataclass, field

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.masked import check_masks, load_masked
from jaxflow.data.folders.splits import check_group
from jaxflow.data.sources.volume_folder import check_volumes
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.schema import Feature


@dataclass(frozen=True)
class VolumeMasks:
    """Volumes and masks (NIfTI, .npy, .npz) in a folder each, paired by their names.

    That is volumes/a.nii.gz and masks/a.nii.gz, or train/volumes/a.nii.gz and train/masks/a.nii.gz.
    """

    path: str = field(metadata={"identity": False})
    """The folder that holds both."""
    size: tuple[int, int, int] = (64, 64, 64)
    """Voxels along each axis: every volume is cut, or filled up with its lowest value, around its middle. What is
    filled up counts nowhere."""
    channels: int = 1
    """Numbers for each voxel."""
    names: tuple[str, ...] = ()
    """Names of the classes 0, 1, ...; () takes the values that the training masks hold, whatever they are."""
    ignore_label: int | None = None
    """Value of the voxels that count nowhere; None where there is none."""
    volumes: str = "volumes"
    """Name of the folder of volumes."""
    masks: str = "masks"
    """Name of the folder of masks."""
    split: HoldOut | KFold = HoldOut()
    """How volumes are held out. Where there are validation or test folders these are kept, and HoldOut takes only what
    is missing, out of train."""
    group: str | None = None
    """Regular expression whose first group, found in a file's path, names what stays on one side of the split, such as
    the patient; None where each file is its own."""
    drop_duplicates: bool = False
    """Whether of pairs whose files hold the same bytes one is kept; that of the test where there
    is one. The others are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the volumes can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether volumes are kept in memory, and in the cache. With False every batch reads its own; the masks, a byte a
    voxel, stay in memory. The batches are the same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Volumes or masks that may be unreadable; the pairs are left out, and counted."""

    def __post_init__(self) -> None:
        check_volumes(self)
        check_masks(self)
        check_group(self.group)

    def load(self) -> Dataset:
        """Finds the pairs, reads each once and splits them; an example's id is its volume's path below the folder.

        Returns:
          The dataset: (examples, depth, height, width, channels) float32 in the files' own units, and targets
          (examples, depth, height, width).

        Raises:
          UserError: the folder makes no dataset, or more files are unreadable than `max_corrupt`.
        """
        return load_masked(self, self.volumes, Feature("volume", (*self.size, self.channels), "float32"))
