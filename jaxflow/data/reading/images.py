"""Reads image files as arrays of one shape, the same way in training, evaluation and prediction."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from jaxflow.data.reading.limits import check_bytes
from jaxflow.errors import UserError, reason
from jaxflow.schema import Feature

T = TypeVar("T")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# Whatever the suffix says; other formats of Pillow's run other programs (EPS) or are hardly ever read.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
# Pillow's mode for so many channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What turns an image upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
# A JPEG is decoded at the least of 1/2, 1/4 and 1/8 of its size that is still so many times as large as the result: the
# frequencies that resizing would remove are never computed.
SPARE = 1.4


def read_image(path: Path, feature: Feature) -> np.ndarray:
    """Reads an image file: upright as EXIF says, of the first frame, on white where it is transparent.

    Args:
      path: the file, of one of FORMATS, of any mode and up to 179 million pixels (Pillow's limit); grey of 16 bits is
        scaled to 8.
      feature: (height, width, channel), the shape of the result, with 1 (grey), 3 (RGB) or 4 (RGBA) channels, and how
        the image is resized.

    Returns:
      Its pixels, (height, width, channel) uint8.

    Raises:
      UserError: the file holds no image, only part of one, or one far too large; or its size differs from the
        feature's, which does not resize.
    """
    # Read at once: Pillow would ask for a few bytes at a time.
    return _fit(_attempt(path, lambda: _open(io.BytesIO(_content(path)), feature)), feature, str(path))


def decode_image(content: bytes, feature: Feature) -> np.ndarray:
    """Decodes the content of an image file, as `read_image` does.

    Args:
      content: the file's bytes.
      feature: as for `read_image`.

    Returns:
      Its pixels, (height, width, channel) uint8.

    Raises:
      Exception: what Pillow raises where the bytes are no whole image.
      UserError: the image's size differs from the feature's, which does not resize.
    """
    return _fit(_open(io.BytesIO(content), feature), feature, "it")


def read_mask(path: Path, mask_path: Path, feature: Feature) -> np.ndarray:
    """Reads the mask of an image: resized as the image is, each pixel taking the value of the nearest.

    Args:
      path: the image.
      mask_path: an image of grey levels or with a palette, whose values are class indices.
      feature: what the image becomes.

    Returns:
      (height, width) int16 values.

    Raises:
      UserError: the file holds no mask, or one of another size than the image.
    """
    size, mask = _attempt(path, lambda: _upright_size(path)), _attempt(mask_path, lambda: _open_mask(mask_path))
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
    return np.array(_resize(floats, feature, str(mask_path), Image.Resampling.NEAREST)).astype(np.int16)


def check_size(size: tuple[int, int], resize: str) -> None:
    """Raises UserError if `size` is no height and width, or `resize` no way to resize to it."""
    sides = size if isinstance(size, tuple) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(f"data.size is {size}; it is a height and a width in pixels, for example (128, 128)")
    if resize not in ("stretch", "crop"):
        raise UserError(f"data.resize is {resize!r}; it is 'stretch' or 'crop'")


def check_channels(channels: int) -> None:
    """Raises UserError if no image has so many channels."""
    if channels not in MODES:
        raise UserError(f"data.channels is {channels}; images have 1 (grey), 3 (RGB) or 4 (RGBA)")


def _attempt(path: Path, read: Callable[[], T]) -> T:
    """Reads something of an image file; raises a UserError of one line if that fails."""
    try:
        return read()
    except Exception as error:  # each of Pillow's plugins raises what it likes, and memory may be short
        raise UserError(f"{path} cannot be read as an image: {_why(path, error)}") from error


def _content(path: Path) -> bytes:
    check_bytes(path.stat().st_size)
    return path.read_bytes()


def _open(file: BinaryIO, feature: Feature) -> Image.Image:
    with Image.open(file, formats=FORMATS) as opened:
        orientation = _orientation(opened)
        if feature.resize != "none":
            height, width, _ = feature.shape
            sides = (height, width) if orientation in SIDEWAYS else (width, height)
            opened.draft(None, tuple(math.ceil(SPARE * side) for side in sides))
        opened.load()
        return _upright(_in_mode(_in_eight_bits(opened), MODES[feature.shape[-1]]), orientation)


def _open_mask(path: Path) -> Image.Image:
    with Image.open(path, formats=FORMATS) as opened:
        return _upright(opened.copy(), _orientation(opened))


def _upright_size(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=FORMATS) as opened:
        return opened.size[:: -1 if _orientation(opened) >= 5 else 1]


def _fit(image: Image.Image, feature: Feature, name: str) -> np.ndarray:
    # Bilinear over as many pixels as one pixel of the result covers: no aliasing, and no overshoot.
    return np.array(_resize(image, feature, name, Image.Resampling.BILINEAR)).reshape(feature.shape)


def _resize(image: Image.Image, feature: Feature, name: str, resampling: Image.Resampling) -> Image.Image:
    """Resizes an image as its feature says."""
    height, width = feature.shape[:2]
    if image.size == (width, height):
        return image
    if feature.resize == "none":
        raise UserError(f"{name} is {image.width}x{image.height} pixels; the model takes {width}x{height}")
    box = _centre(image.size, (width, height)) if feature.resize == "crop" else None
    return image.resize((width, height), resampling, box)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floats, whose range is not known; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.int64)  # Pillow's conversion would clip 16 bits at 255
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("its pixels lie outside 0..65535, so their range is not known; save it with 8 or 16 bits")
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data and mode != "RGBA":
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)  # which would copy it


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF, as above
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _centre(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """Finds the largest box of the wanted proportions in the middle of an image: left, upper, right, lower."""
    width, height = size
    left = max(width - height * wanted[0] / wanted[1], 0) / 2
    upper = max(height - width * wanted[1] / wanted[0], 0) / 2
    return left, upper, width - left, height - upper


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is empty" if path.stat().st_size == 0 else "it holds no image of a known format"
    return reason(error)
