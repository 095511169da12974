"""Reads volume files as arrays of one shape, the same way in training, evaluation and prediction."""

import gzip
import math
from pathlib import Path

import numpy as np

from jaxflow.data.reading.limits import check_bytes, check_ratio
from jaxflow.data.reading.npy import read_array
from jaxflow.errors import UserError, reason
from jaxflow.schema import IGNORE, Feature

SUFFIXES = (".nii", ".nii.gz", ".npy", ".npz")
ORDERS = ("little", "big")
# A voxel while it is read, in bytes: NIfTI is scaled in float64.
VOXEL_BYTES = 8


def read_volume(path: Path, feature: Feature) -> np.ndarray:
    """Reads a volume, cropped or padded with its lowest value around its middle to one size.

    Args:
      path: NIfTI, whose axes are turned so that they run to the right, to the front and up; or one array in .npy or
        .npz. The axes are (depth, height, width) here, and there may be one more for channels.
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
    if mask.shape != shape:
        raise UserError(f"{mask_path} has the shape {mask.shape} and its volume {path.name} {shape}; they must agree")
    if not (mask == np.round(mask)).all() or mask.min() < 0 or mask.max() > np.iinfo(np.int16).max:
        raise UserError(f"{mask_path} holds other numbers than those of classes, which are 0 to 32767")
    return _fit(mask.astype(np.int16), feature.shape[:-1], IGNORE)


def _read(path: Path) -> np.ndarray:
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _read_nifti(path)
    voxels = read_array(path)
    try:
        check_bytes(voxels.size * VOXEL_BYTES)
    except ValueError as error:
        raise UserError(f"{path} cannot be read as a volume: {error}") from error
    return voxels


def _read_nifti(path: Path) -> np.ndarray:
    try:
        import nibabel
    except ImportError as error:
        raise UserError(f"reading {path.name} needs nibabel: pip install -e '.[volumes]'") from error
    kinds = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}  # by the size of the header
    size, zipped = path.stat().st_size, path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if zipped else path.open("rb") as file:
            start = file.read(max(kinds))
            kind = next((kinds[n] for n in (int.from_bytes(start[:4], o) for o in ORDERS) if n in kinds), None)
            if kind is None:
                raise ValueError("it holds no NIfTI" if start else "it is empty")
            header = kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)
            shape, end = header.get_data_shape(), int(header.get_data_offset())
            end += math.prod(map(int, shape)) * header.get_data_dtype().itemsize
            if min(shape, default=1) < 0 or (not zipped and end > size):
                raise ValueError(f"its header claims {shape}, {end:,} bytes, and it holds {size:,}")
            if zipped:
                check_ratio(end, size)
            check_bytes(math.prod(map(int, shape)) * VOXEL_BYTES)
            scan = (
                kind.from_filename(path) if not zipped else kind.from_bytes(start + file.read(max(end - len(start), 0)))
            )
        return np.asarray(nibabel.as_closest_canonical(scan).dataobj)
    except Exception as error:  # of several libraries below: headers, gzip, shapes, memory
        raise UserError(f"{path} cannot be read as NIfTI: {reason(error)}") from error


def _fit(voxels: np.ndarray, size: tuple[int, ...], outside: float) -> np.ndarray:
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
