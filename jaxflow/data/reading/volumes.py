"""Reads volume files as arrays of one shape, the same way in training, evaluation and prediction."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.reading import scans
from jaxflow.data.reading.limits import check_bytes
from jaxflow.data.reading.npy import read_array
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE, Feature

SUFFIXES = (*scans.SUFFIXES, ".npy", ".npz")
# What is measured of a volume file.
MEASURES = ("depth", "height", "width")


def read_volume(path: Path, feature: Feature) -> np.ndarray:
    """Reads a volume, cropped or padded with its lowest value around its middle to one size.

    Args:
      path: a scan (NIfTI, Analyze, MGH), whose axes are turned so that they run to the right, to the front and up; or
        one array in .npy or .npz. The axes are (depth, height, width) here, and there may be one more for channels.
      feature: (depth, height, width, channel), the shape of the result.

    Returns:
      Its voxels, float32 in the file's own units.

    Raises:
      UserError: the file holds no volume, one with other channels, or numbers that are not finite.
    """
    voxels = _read(path)
    if voxels.ndim == 3:
        voxels = voxels[..., None]
    if voxels.ndim != 4 or voxels.shape[-1] != feature.shape[-1] or 0 in voxels.shape:
        raise UserError(
            f"{path} has the shape {voxels.shape}; a volume has three axes, and {feature.shape[-1]} channels"
        )
    if voxels.dtype.kind not in "biuf":
        raise UserError(f"{path} holds {voxels.dtype}, and voxels are real numbers")
    voxels = voxels.astype(np.float32)
    wrong = np.sum(~np.isfinite(voxels))
    if wrong:
        raise UserError(f"{path} holds {wrong} voxels that are no finite numbers; correct them or leave the file out")
    return _fit(voxels, feature.shape[:-1], voxels.min())


def read_mask(path: Path, mask_path: Path, feature: Feature) -> np.ndarray:
    """Reads the mask of a volume, cropped or padded as the volume is.

    Args:
      path: the volume.
      mask_path: a volume of the same size whose voxels are class indices.
      feature: what the volume becomes.

    Returns:
      (depth, height, width) int16 values, IGNORE where the volume is padded.

    Raises:
      UserError: the file holds no mask, or one of another size than the volume.
    """
    mask, shape = _read(mask_path), _read(path).shape[:3]
    if mask.ndim != 3 or 0 in mask.shape:
        raise UserError(f"{mask_path} has the shape {mask.shape}; the mask of a volume has three axes")
    if mask.shape != shape:
        raise UserError(f"{mask_path} has the shape {mask.shape} and its volume {path.name} {shape}; they must agree")
    if not (mask == np.round(mask)).all() or mask.min() < 0 or mask.max() > np.iinfo(np.int16).max:
        raise UserError(f"{mask_path} holds other numbers than those of classes, which are 0 to 32767")
    return _fit(mask.astype(np.int16), feature.shape[:-1], IGNORE)


def measure_volume(path: Path) -> np.ndarray:
    """Measures a volume file, a scan by its header alone: (3,) float64 voxels along each axis.

    Raises:
      UserError: the file holds no volume.
    """
    shape = scans.scan_shape(path) if scans.is_scan(path) else _read(path).shape
    return np.array((*shape, 1, 1, 1)[:3], np.float64)


def restore_mask(mask: np.ndarray, path: Path) -> np.ndarray:
    """Restores the mask of a cropped or padded volume to the volume's own size.

    Args:
      mask: (depth, height, width) class indices of the volume as the model sees it.
      path: the volume.

    Returns:
      Voxels of the volume's first three axes, of the mask's dtype; IGNORE where it was cropped.
    """
    return _fit(mask, [int(size) for size in measure_volume(path)], IGNORE)


def padding(path: Path, size: Sequence[int]) -> np.ndarray:
    """Returns where a volume that is brought to a size is padded: (depth, height, width) bool."""
    own = np.zeros([int(side) for side in measure_volume(path)], bool)
    return _fit(own, size, True)


def _read(path: Path) -> np.ndarray:
    if scans.is_scan(path):
        return scans.read_scan(path)
    voxels = read_array(path)
    try:
        check_bytes(voxels.size * scans.VOXEL_BYTES)
    except ValueError as error:
        raise UserError(f"{path} cannot be read as a volume: {error}") from error
    return voxels


def _fit(voxels: np.ndarray, size: Sequence[int], outside: float) -> np.ndarray:
    """Crops or pads the first three axes around their middle."""
    for axis, wanted in enumerate(size):
        extra = wanted - voxels.shape[axis]
        if extra < 0:
            voxels = np.take(voxels, range(-extra // 2, -extra // 2 + wanted), axis)
        elif extra > 0:
            widths = [(extra // 2, extra - extra // 2) if a == axis else (0, 0) for a in range(voxels.ndim)]
            voxels = np.pad(voxels, widths, constant_values=outside)
    return voxels


def check_volume(size: tuple[int, int, int], channels: int) -> None:
    """Raises UserError if no volume has such a size, or so many channels."""
    sides = size if isinstance(size, tuple) else ()
    if len(sides) != 3 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UserError(f"data.size is {size}; it is three numbers of voxels, for example (64, 64, 64)")
    if channels < 1:
        raise UserError(f"data.channels is {channels}; it must be 1 or more")
