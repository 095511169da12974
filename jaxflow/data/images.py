"""Image files as arrays of one shape, made the same way in training, evaluation and prediction."""

import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from jaxflow.console import say
from jaxflow.data.dataset import Feature
from jaxflow.data.records import MODES
from jaxflow.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
# Files that are waiting for a thread, or decoded and waiting to be taken.
AT_ONCE = 256
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
# Damaged EXIF is common in photographs from the web; it says nothing of the pixels.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


def find_images(folder: Path) -> list[str]:
    """Lists the image files in a folder and in the folders below it.

    Hidden files and folders are no images, and neither is what has no image's suffix. Symbolic links are not followed,
    and this is said: they may lead out of the folder, into a loop, or show one image in two splits.

    Args:
      folder: where to look.

    Returns:
      Their paths relative to `folder`, with slashes, in ascending order.

    Raises:
      UserError: a folder cannot be listed, or a name is not UTF-8.
    """

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be listed: {error.strerror}; give it the permissions to be read")

    found, links = [], []
    for at, folders, files in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links += [path for name in folders if os.path.islink(path := os.path.join(at, name))]
        for name in files:
            if name.startswith(".") or os.path.splitext(name)[1].lower() not in SUFFIXES:
                continue
            path = os.path.join(at, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                found.append(path)
            elif stat.S_ISLNK(mode):
                links.append(path)
    names = sorted(Path(path).relative_to(folder).as_posix() for path in found)
    wrong = [name for name in names if not name.isascii() and not _is_text(name)]
    if wrong:
        raise UserError(f"{folder} holds a file whose name is not UTF-8: {wrong[0]!a}; rename it")
    if links:
        say(f"not followed: symbolic links in {folder}, {len(links)} of them, the first {min(links)}")
    return names


def read_images(paths: Sequence[Path], feature: Feature) -> Iterator[np.ndarray | UserError]:
    """Reads image files by several threads, in order, as `read_image` does.

    Args:
      paths: the files.
      feature: what an image shall be.

    Yields:
      For each its pixels, (height, width, channel) uint8; or the error that says why it cannot be read.
    """

    def attempt(path: Path) -> np.ndarray | UserError:
        try:
            return read_image(path, feature)
        except UserError as error:
            return error

    with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes without the interpreter's lock
        for first in range(0, len(paths), AT_ONCE):
            yield from pool.map(attempt, paths[first : first + AT_ONCE])


def read_image(path: Path, feature: Feature) -> np.ndarray:
    """Reads an image file: upright as EXIF says, of the first frame, on white where it is transparent.

    Args:
      path: the file, of any format, mode and size that Pillow reads; grey of 16 bits is scaled to 8.
      feature: (height, width, channel) that the image shall have, with 1 (grey), 3 (RGB) or 4 (RGBA) channels, and how
        it is resized.

    Returns:
      Its pixels, (height, width, channel) uint8.

    Raises:
      UserError: the file holds no image, only part of one, or one far too large; or its size differs from the
        feature's, which does not resize.
    """
    height, width, channels = feature.shape
    try:
        with Image.open(path) as opened:
            image = _upright(_in_mode(_in_eight_bits(opened), MODES[channels]), _orientation(opened))
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's plugins raises what it likes
        raise UserError(f"{path} cannot be read as an image: {_why(path, error)}") from error
    if image.size != (width, height):
        if feature.resize == "none":
            raise UserError(f"{path} is {image.width}x{image.height} pixels; the model takes {width}x{height}")
        # Bilinear over as many pixels as one pixel of the result covers: no aliasing, and no overshoot.
        box = _centre(image.size, (width, height)) if feature.resize == "crop" else None
        image = image.resize((width, height), Image.Resampling.BILINEAR, box)
    return np.array(image).reshape(feature.shape)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floats, whose range is not known; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.int64)  # Pillow's own conversion would cut 16 bits off at 255
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("its pixels lie outside 0..65535, so their range is not known; save it with 8 or 16 bits")
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.has_transparency_data and mode != "RGBA":
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


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
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
