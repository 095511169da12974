"""Images in folders, with a class each."""

from dataclasses import dataclass, field
from typing import Any, Literal

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.splits import check_group
from jaxflow.data.reading.images import MODES, check_size
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.errors import UserError
from jaxflow.schema import Feature


@dataclass(frozen=True)
class ImageFolder:
    """Image files of any size in a folder, resized to one.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class (cat.0.jpg). A table of path,label is named by `labels`.
    """

    path: str = field(metadata={"identity": False})
    """The folder."""
    size: tuple[int, int] = (128, 128)
    """Height and width that every image is resized to, here and in `predict`."""
    channels: Literal[1, 3, 4] = 3
    """1 for grey, 3 for RGB, 4 for RGBA."""
    resize: Literal["stretch", "crop"] = "crop"
    """crop keeps the proportions and cuts off what juts out on both sides; stretch keeps everything."""
    split: HoldOut | KFold = HoldOut()
    """How images are held out. Where the folder has validation or test folders these are kept, and HoldOut takes only
    what is missing, out of train."""
    group: str | None = None
    """Regular expression that finds a group in an image's path, as its first group in parentheses: with "(scene[0-9]+)"
    a scene7_b.jpg is of scene7. Images of one group stay on one side; None splits image by image."""
    labels: str | None = None
    """CSV file with the columns path and label, relative to the folder; None takes labels from folders or names."""
    drop_duplicates: bool = False
    """Whether of images whose files hold the same bytes one is kept; that of the test where there
    is one. The others are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the images can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the resized images are kept in memory, and in the cache. With False every batch reads and decodes its own
    files, for datasets larger than memory; the batches are the same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Images that may be unreadable; they are left out, and counted. One more stops the run and names it."""

    def __post_init__(self) -> None:
        check_images(self)
        check_group(self.group)

    def load(self) -> Dataset:
        """Finds the images, reads each once and splits them; an image's id is its path below the folder, with slashes.

        Returns:
          The dataset: (examples, height, width, channels) uint8; `excluded` counts unreadable images by the folder's
          own splits, or as "all" where it has none.

        Raises:
          UserError: the folder or its labels make no dataset, or more images are unreadable than `max_corrupt`.
        """
        feature = Feature("image", (*self.size, self.channels), "uint8", self.resize)
        return load_labelled(self, feature)


def check_images(source: Any) -> None:
    """Refuses sizes and channels that no image has."""
    check_size(source.size, source.resize)
    if source.channels not in MODES:
        raise UserError(f"data.channels is {source.channels}; images have 1 (grey), 3 (RGB) or 4 (RGBA)")
    if source.max_corrupt < 0:
        raise UserError(f"data.max_corrupt is {source.max_corrupt}; it must be 0 or more")
