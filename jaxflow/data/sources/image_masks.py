"""Images with masks, a class for each pixel."""

from dataclasses import dataclass, field
from typing import Literal

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.masked import check_masks, load_masked
from jaxflow.data.folders.splits import check_group
from jaxflow.data.sources.image_folder import check_images
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.schema import Feature


@dataclass(frozen=True)
class ImageMasks:
    """Images and masks in a folder each, paired by their names and resized together.

    That is images/a.jpg and masks/a.png, or train/images/a.jpg and train/masks/a.png. The pixels of a mask are numbers
    of classes.
    """

    path: str = field(metadata={"identity": False})
    """The folder that holds both."""
    size: tuple[int, int] = (128, 128)
    """Height and width that every image and mask is resized to, here and in `predict`; masks by the nearest pixel."""
    channels: Literal[1, 3, 4] = 3
    """1 for grey, 3 for RGB, 4 for RGBA."""
    resize: Literal["stretch", "crop"] = "stretch"
    """stretch keeps everything; crop keeps the proportions and cuts off what juts out on both sides."""
    names: tuple[str, ...] = ()
    """Names of the classes 0, 1, ...; () takes the values that the training masks hold, whatever they are."""
    ignore_label: int | None = None
    """Value of the pixels that count nowhere, unlabelled or at borders; None where there is none."""
    images: str = "images"
    """Name of the folder of images."""
    masks: str = "masks"
    """Name of the folder of masks."""
    split: HoldOut | KFold = HoldOut()
    """How images are held out. Where there are validation or test folders these are kept, and HoldOut takes only what
    is missing, out of train."""
    group: str | None = None
    """Regular expression whose first group, found in a file's path, names what stays on one side of the split, such as
    the scene; None where each file is its own."""
    drop_duplicates: bool = False
    """Whether of pairs whose files hold the same bytes one is kept; that of the test where there
    is one. The others are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the images can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the resized images are kept in memory, and in the cache. With False every batch reads and decodes its own
    images; the masks, a byte a pixel, stay in memory. The batches are the same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Images or masks that may be unreadable; the pairs are left out, and counted."""

    def __post_init__(self) -> None:
        check_images(self)
        check_masks(self)
        check_group(self.group)

    def load(self) -> Dataset:
        """Finds the pairs, reads each once and splits them; an example's id is its image's path below the folder.

        Returns:
          The dataset: (examples, height, width, channels) uint8, and targets (examples, height, width).

        Raises:
          UserError: the folder makes no dataset, or more files are unreadable than `max_corrupt`.
        """
        feature = Feature("image", (*self.size, self.channels), "uint8", self.resize)
        return load_masked(self, self.images, feature)
