"""Images with masks, a class for each pixel."""

from dataclasses import dataclass
from typing import Literal

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.masked import load_masked
from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.reading.images import Level, check_channels, check_levels, check_size
from jaxflow.ranges import Count
from jaxflow.schema import Feature


@dataclass(frozen=True)
class ImageMasks(MaskedSource):
    """Images and masks in a folder each, paired by their names and resized together.

    That is images/a.jpg and masks/a.png, or train/images/a.jpg and train/masks/a.png. The pixels of a mask are class
    indices.
    """

    size: tuple[Count, Count] = (128, 128)
    """Height and width that every image and mask is resized to, here and in `predict`; masks by the nearest pixel."""
    channels: Literal[1, 3, 4] = 3
    """1 for grey, 3 for RGB, 4 for RGBA."""
    resize: Literal["stretch", "crop"] = "stretch"
    """stretch keeps everything; crop keeps the proportions and crops what juts out on both sides."""
    images: str = "images"
    """Name of the folder of images."""
    levels: tuple[Level, Level] | None = None
    """Grey levels of images of more than 8 bits that become black and white, here and in `predict`; None takes the
    range of the training images where it is less than half of 16 bits, else 0 and 65535."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.size, self.resize)
        check_channels(self.channels)
        check_levels(self.levels)

    def load(self) -> Dataset:
        """Finds the pairs, reads each once and splits them; an example's id is its image's path below the folder.

        Returns:
          The dataset: (examples, height, width, channels) uint8, and targets (examples, height, width).

        Raises:
          UserError: the folder makes no dataset, or more files are unreadable than `max_corrupt`.
        """
        feature = Feature("image", (*self.size, self.channels), "uint8", self.resize, levels=self.levels)
        return load_masked(self, self.images, feature)
