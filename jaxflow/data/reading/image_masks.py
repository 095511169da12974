"""Masks of images: read beside them, and brought back to their own size."""

from pathlib import Path

import numpy as np
from PIL import Image

from jaxflow.data.reading.images import (
    attempt,
    centre,
    count_pages,
    formats_of,
    orientation_of,
    resize,
    upright,
    upright_size,
)
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE, Feature

# How far the colours of a grey JPEG may lie apart.
JPEG_SPREAD = 8


def read_mask(path: Path, mask_path: Path, feature: Feature) -> np.ndarray:
    """Reads the mask of an image: resized as the image is, each pixel taking the value of the nearest.

    Args:
      path: the image.
      mask_path: an image of grey levels, be they saved as colours, or with a palette; its values are class indices.
      feature: what the image becomes.

    Returns:
      (height, width) int16 values.

    Raises:
      UserError: the file holds no mask, or one of another size than the image.
    """
    size, mask = _size(path), attempt(mask_path, lambda: _open_mask(mask_path))
    if mask.mode not in ("1", "L", "P", "I", "I;16"):
        raise UserError(
            f"{mask_path} has colours (mode {mask.mode}); a mask holds numbers of classes, as grey levels or a palette"
        )
    if mask.size != size:
        raise UserError(
            f"{mask_path} is {mask.width}x{mask.height} pixels and its image {path.name} {size[0]}x{size[1]}; "
            "a mask has the size of its image"
        )
    levels = np.asarray(mask).astype(np.int64)
    if levels.max() > np.iinfo(np.int16).max:
        raise UserError(f"{mask_path} holds the value {levels.max()}; classes are numbers from 0 to 32767")
    # As floats: Pillow resizes no other numbers above 255, and the nearest is taken as it is.
    floats = Image.fromarray(levels.astype(np.float32))
    return np.array(resize(floats, feature, str(mask_path), Image.Resampling.NEAREST)).astype(np.int16)


def restore_mask(mask: np.ndarray, path: Path, feature: Feature) -> np.ndarray:
    """Restores the mask of a resized image to the image's own size: each pixel takes the nearest of the mask.

    Args:
      mask: (height, width) class indices of the image as the model sees it.
      path: the image.
      feature: what the image became.

    Returns:
      (height, width) of the upright image, of the mask's dtype; IGNORE where the image was cropped.
    """
    width, height = _size(path)
    left, upper, right, lower = (0.0, 0.0, float(width), float(height))
    if feature.resize == "crop":
        left, upper, right, lower = centre((width, height), mask.shape[::-1])
    rows = np.floor((np.arange(height) + 0.5 - upper) * mask.shape[0] / (lower - upper)).astype(int)
    columns = np.floor((np.arange(width) + 0.5 - left) * mask.shape[1] / (right - left)).astype(int)
    whole = np.full((height, width), IGNORE, mask.dtype)
    seen = np.ix_((rows >= 0) & (rows < mask.shape[0]), (columns >= 0) & (columns < mask.shape[1]))
    whole[seen] = mask[np.ix_(rows[seen[0][:, 0]], columns[seen[1][0]])]
    return whole


def _size(path: Path) -> tuple[int, int]:
    def size() -> tuple[int, int]:
        with Image.open(path, formats=formats_of(path)) as opened:
            return upright_size(opened)

    return attempt(path, size)


def _open_mask(path: Path) -> Image.Image:
    with Image.open(path, formats=formats_of(path)) as opened:
        if (pages := count_pages(opened)) > 1:
            raise ValueError(
                f"it holds {pages} pages, and a mask is one: join them, each pixel the number of its class"
            )
        return upright(_grey(opened), orientation_of(opened))


def _grey(image: Image.Image) -> Image.Image:
    """Returns a mask in grey levels that was saved in colours; one with colours as it is."""
    if image.mode != "RGB":
        return image.copy()
    spread = np.ptp(np.asarray(image), axis=-1).max()
    return image.convert("L") if spread <= (JPEG_SPREAD if image.format == "JPEG" else 0) else image.copy()
