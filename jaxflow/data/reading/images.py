"""Reads image files as arrays of one shape, the same way in training, evaluation and prediction."""

import functools
import io
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageSequence, UnidentifiedImageError

from jaxflow.data.reading.limits import check_bytes
from jaxflow.errors import UserError, reason
from jaxflow.ranges import Range
from jaxflow.schema import Feature

T = TypeVar("T")
logger = logging.getLogger("jaxflow")
# A grey level of a file.
Level = Annotated[float, Range(-1e12, 1e12)]
# What Pillow reads whatever the suffix says, the frequent ones first; other formats run other programs (EPS), belong to
# Windows (WMF), or hold no photographs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "DIB", "JPEG2000", "AVIF", "ICO", "PCX", "SGI", "QOI")
FORMATS += ("DDS", "PSD")
# A file of it has no mark, so its suffix must say so.
UNMARKED = {".tga": "TGA"}
SUFFIXES = (".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff")
SUFFIXES += (".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc", ".avif", ".avifs")
SUFFIXES += (".ico", ".pcx", ".sgi", ".rgb", ".rgba", ".bw", ".qoi", ".dds", ".psd", *UNMARKED)
# How modes of more than 8 bits begin: integers, floats.
DEEP = ("I", "F")
# Of colours of 16 bits Pillow reads the upper 8; where these reach no further, the image has fewer bits.
DARK = 64
# What is measured of an image file.
MEASURES = ("height", "width", "pages", "lowest", "highest")
# Whose files may hold several pages, or frames; what lies behind the photograph in a JPEG is a preview.
PAGED = ("TIFF", "GIF", "WEBP", "PNG", "AVIF")
# The tag of a page of a TIFF, and its bits that make it a smaller copy of another or its transparency.
NEW_SUBFILE_TYPE, NO_PAGE = 254, 0b101
# Pillow's mode for so many channels.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What turns an image upright, by its EXIF orientation.
TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
UPRIGHT = {number: Image.Transpose[name] for number, name in enumerate(TURNS, 2)}
SIDEWAYS = (5, 6, 7, 8)
# A JPEG is decoded at the least of 1/2, 1/4 and 1/8 of its size that is still so many times as large as the result: the
# frequencies that resizing would remove are never computed.
SPARE = 1.4


def read_image(path: Path, feature: Feature) -> np.ndarray:
    """Reads an image file: upright as EXIF says, of the first frame, on white where it is transparent.

    Args:
      path: the file, of one of FORMATS, of any mode and up to 179 million pixels (Pillow's limit).
      feature: (height, width, channel), the shape of the result, with 1 (grey), 3 (RGB) or 4 (RGBA) channels, how the
        image is resized, and which grey levels of more than 8 bits become 0 and 255.

    Returns:
      Its pixels, (height, width, channel) uint8.

    Raises:
      UserError: the file holds no image, only part of one, or one far too large; or its size differs from the
        feature's, which does not resize.
    """

    def read() -> Image.Image:
        check_bytes(path.stat().st_size)
        content = path.read_bytes()  # at once: Pillow would ask for a few bytes at a time
        return _open(io.BytesIO(content), feature, formats_of(path))

    return _fit(attempt(path, read), feature, str(path))


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


def measure_image(path: Path) -> np.ndarray:
    """Measures an image file: its size, its pages, and its range of grey levels where these have more than 8 bits.

    Args:
      path: the file.

    Returns:
      (5,) float64: height and width upright, number of pages, lowest and highest grey level; NaN for levels of 8 bits.

    Raises:
      UserError: the file holds no image.
    """

    def measure() -> np.ndarray:
        with Image.open(path, formats=formats_of(path)) as opened:
            (width, height), pages = upright_size(opened), count_pages(opened)
            levels = np.asarray(opened) if opened.mode.startswith(DEEP) else np.array(np.nan)
        return np.array([height, width, pages, levels.min(), levels.max()], np.float64)

    return attempt(path, measure)


def count_pages(image: Image.Image) -> int:
    """Counts the pages or frames of an opened image, which is at the first of them and stays there."""
    count = getattr(image, "n_frames", 1) if image.format in PAGED else 1
    if image.format == "TIFF" and count > 1:
        kinds = [getattr(page, "tag_v2", {}).get(NEW_SUBFILE_TYPE, 0) for page in ImageSequence.Iterator(image)]
        image.seek(0)
        return max(1, sum(not kind & NO_PAGE for kind in kinds))
    return count


def check_levels(levels: tuple[float, float] | None) -> None:
    """Raises UserError if `levels` are no lowest and highest grey level."""
    if levels is not None and not levels[0] < levels[1]:
        raise UserError(f"data.levels is {levels}; it is the level of black and that of white, for example (0, 4095)")


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


def formats_of(path: Path) -> tuple[str, ...]:
    """Returns the formats that a file may have."""
    suffix = path.suffix.lower()
    return (*FORMATS, UNMARKED[suffix]) if suffix in UNMARKED else FORMATS


def attempt(path: Path, read: Callable[[], T]) -> T:
    """Reads something of an image file; raises a UserError of one line if that fails."""
    try:
        return read()
    except Exception as error:  # each of Pillow's plugins raises what it likes, and memory may be short
        raise UserError(f"{path} cannot be read as an image: {_why(path, error)}") from error


def _open(file: BinaryIO, feature: Feature, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    with Image.open(file, formats=formats) as opened:
        colours = not opened.mode.startswith(DEEP) and any("16" in str(tile[3]) for tile in opened.tile)
        orientation = orientation_of(opened)  # which decodes a PNG
        if feature.resize != "none":
            sides = feature.shape[:2] if orientation in SIDEWAYS else feature.shape[1::-1]
            opened.draft(None, tuple(math.ceil(SPARE * side) for side in sides))
        opened.load()
        if colours and 0 < np.asarray(opened).max() < DARK:
            _say_dark()
        return upright(_in_mode(_in_eight_bits(opened, feature.levels), MODES[feature.shape[-1]]), orientation)


@functools.cache  # once: there may be thousands
def _say_dark() -> None:
    logger.warning(
        "of colours of 16 bits the upper 8 are read, and some images hardly use these: save them with 8 bits"
    )


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Returns the width and height of an image as EXIF turns it."""
    return image.size[:: -1 if orientation_of(image) in SIDEWAYS else 1]


def _fit(image: Image.Image, feature: Feature, name: str) -> np.ndarray:
    # Bilinear over as many pixels as one pixel of the result covers: no aliasing, and no overshoot.
    return np.array(resize(image, feature, name, Image.Resampling.BILINEAR)).reshape(feature.shape)


def resize(image: Image.Image, feature: Feature, name: str, resampling: Image.Resampling) -> Image.Image:
    """Resizes an image as its feature says; raises UserError, which calls it `name`, if that does not resize."""
    height, width = feature.shape[:2]
    if image.size == (width, height):
        return image
    if feature.resize == "none":
        raise UserError(f"{name} is {image.width}x{image.height} pixels; the model takes {width}x{height}")
    box = centre(image.size, (width, height)) if feature.resize == "crop" else None
    return image.resize((width, height), resampling, box)


def _in_eight_bits(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    if not image.mode.startswith(DEEP):
        return image
    pixels = np.asarray(image)  # Pillow's conversion would clip 16 bits at 255
    if levels is not None:
        low, high = levels
        scaled = np.rint((pixels.astype(np.float64) - low) * (255 / (high - low)))
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
    wrong = "are floats" if image.mode == "F" else "lie outside 0..65535"
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(
            f"its pixels {wrong}, and what is black and white among them is not known; save it with 8 or 16 bits, or "
            "train with --data.levels LOW HIGH"
        )
    return Image.fromarray(((pixels.astype(np.int64) + 128) // 257).astype(np.uint8))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data and mode != "RGBA":
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)  # which would copy it


def orientation_of(image: Image.Image) -> int:
    """Returns the orientation that EXIF gives an image; 1, upright, where it gives none."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF, as above
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Rotates or mirrors an image as its EXIF orientation says."""
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def centre(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """Finds the largest box of the wanted proportions in the middle of an image: left, upper, right, lower."""
    width, height = size
    left = max(width - height * wanted[0] / wanted[1], 0) / 2
    upper = max(height - width * wanted[1] / wanted[0], 0) / 2
    return left, upper, width - left, height - upper


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is empty" if path.stat().st_size == 0 else "it holds no image of a known format"
    return reason(error)
