"""Images in folders, with a class each."""

from dataclasses import dataclass
from typing import Literal

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.reading.images import Level, check_channels, check_levels, check_size
from jaxflow.ranges import Count
from jaxflow.schema import Feature


@dataclass(frozen=True)
class ImageFolder(LabelledSource):
    """Image files of any size in a folder, resized to one.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class (cat.0.jpg). A table of path,label is named by `labels`.
    """

    size: tuple[Count, Count] = (128, 128)
    """Height and width that every image is resized to, here and in `predict`."""
    channels: Literal[1, 3, 4] = 3
    """1 for grey, 3 for RGB, 4 for RGBA."""
    resize: Literal["stretch", "crop"] = "crop"
    """crop keeps the proportions and crops what juts out on both sides; stretch keeps everything."""
    levels: tuple[Level, Level] | None = None
    """Grey levels of images of more than 8 bits that become black and white, here and in `predict`; None takes the
    range of the training images where it is less than half of 16 bits, else 0 and 65535."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.size, self.resize)
        check_channels(self.channels)
        check_levels(self.levels)

    def load(self) -> Dataset:
        """Finds the images, reads each once and splits them; an image's id is its path below the folder, with slashes.

        Returns:
          The dataset: (examples, height, width, channels) uint8; `excluded` counts unreadable images by the folder's
          own splits, or as "all" where it has none.

        Raises:
          UserError: the folder or its labels make no dataset, or more images are unreadable than `max_corrupt`.
        """
        feature = Feature("image", (*self.size, self.channels), "uint8", self.resize, levels=self.levels)
        return load_labelled(self, feature)
