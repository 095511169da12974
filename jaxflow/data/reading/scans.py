"""Scans of medicine: NIfTI, Analyze and MGH files, read by nibabel once their headers have been doubted."""

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.reading.limits import check_bytes, check_ratio
from jaxflow.errors import UserError, reason

# Of a pair of .hdr and .img the latter is named: it holds the voxels.
SUFFIXES = (".nii", ".nii.gz", ".img", ".mgh", ".mgz")
ZIPPED = (".gz", ".mgz")
ORDERS = ("little", "big")
# A voxel while it is read, in bytes: scans are scaled in float64.
VOXEL_BYTES = 8
# Bytes of the longest header.
HEADER_BYTES = 540


def is_scan(path: Path) -> bool:
    """Returns whether a file is a scan by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_scan(path: Path) -> np.ndarray:
    """Reads the voxels of a scan in the file's units, its axes turned to run to the right, to the front and up.

    Raises:
      UserError: nibabel is not installed, or the file holds no scan or not all of one.
    """
    nibabel = _nibabel(path)
    try:
        kind, header, end = _checked(path)
        check_bytes(math.prod(map(int, header.get_data_shape())) * VOXEL_BYTES)
        if path.name.lower().endswith((*ZIPPED, ".mgh")):  # nibabel leaves an .mgh open
            with gzip.open(path) if path.name.lower().endswith(ZIPPED) else path.open("rb") as file:
                scan = kind.from_bytes(file.read(end))
        else:
            scan = kind.from_filename(path)
        return np.asarray(nibabel.as_closest_canonical(scan).dataobj)
    except Exception as error:  # of several libraries below: headers, gzip, shapes, memory
        raise UserError(f"{path} cannot be read as {_name(path)}: {reason(error)}") from error


def scan_shape(path: Path) -> tuple[int, ...]:
    """Returns the shape that `read_scan` returns an array of, from the header alone; errors are its."""
    nibabel = _nibabel(path)
    try:
        _, header, _ = _checked(path)
        shape = tuple(map(int, header.get_data_shape()))
        axes = nibabel.orientations.io_orientation(header.get_best_affine())[:, 0]
        turned = [shape[int(np.flatnonzero(axes == axis)[0])] for axis in range(3)]
        return (*turned, *shape[3:])
    except Exception as error:  # as above
        raise UserError(f"{path} cannot be read as {_name(path)}: {reason(error)}") from error


def write_mask(path: Path, mask: np.ndarray, scan_path: Path) -> None:
    """Writes a mask as NIfTI that lies on its scan: in the scan's own order of axes, with its affine.

    Args:
      path: the file, which ends in .nii or .nii.gz.
      mask: (depth, height, width) class indices, the axes as `read_scan` turns them; IGNORE is written as -1.
      scan_path: the scan.
    """
    nibabel = _nibabel(scan_path)
    turn, (_, header, _) = nibabel.orientations, _checked(scan_path)
    upright, affine = np.array([[0, 1], [1, 1], [2, 1]]), header.get_best_affine()
    back = turn.ornt_transform(upright, turn.io_orientation(affine))
    own = turn.apply_orientation(mask.astype(np.int16), back)
    image = nibabel.Nifti1Image(own, affine, header)
    image.set_data_dtype(np.int16)
    image.header.set_slope_inter(1, 0)
    image.header["cal_min"] = image.header["cal_max"] = 0
    nibabel.save(image, path)


def _checked(path: Path) -> tuple[Any, Any, int]:
    """Reads the header of a scan.

    Returns:
      nibabel's class of images, the header, and how many bytes the file has up to its last voxel.

    Raises:
      ValueError: it claims more than the file holds.
    """
    name = path.name.lower()
    head = path.with_suffix(".hdr") if name.endswith(".img") else path
    with gzip.open(path) if name.endswith(ZIPPED) else head.open("rb") as file:
        start = file.read(HEADER_BYTES)
    kind = _kind(name, start)
    header = kind.header_class(start[: kind.header_class.template_dtype.itemsize], check=False)
    shape, size = header.get_data_shape(), path.stat().st_size
    end = math.prod(map(int, shape)) * header.get_data_dtype().itemsize
    end += int(header.get_data_offset())
    if min(shape, default=1) < 0 or (not name.endswith(ZIPPED) and end > size):
        raise ValueError(f"its header claims {shape}, {end:,} bytes, and it holds {size:,}")
    if name.endswith(ZIPPED):
        check_ratio(end, size)
    return kind, header, end


def _kind(name: str, start: bytes) -> Any:
    """Returns nibabel's class for a file of this name whose header starts so."""
    import nibabel

    if name.endswith((".mgh", ".mgz")):
        kind = nibabel.MGHImage if start[:4] == b"\0\0\0\1" else None  # its version
    elif name.endswith(".img"):
        kind = nibabel.Nifti1Pair if start[344:347] == b"ni1" else nibabel.AnalyzeImage
        kind = kind if len(start) >= 348 else None
    else:
        kinds = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}  # by the size of the header
        kind = next((kinds[n] for n in (int.from_bytes(start[:4], o) for o in ORDERS) if n in kinds), None)
    if kind is None:
        raise ValueError(f"it holds no {_name(Path(name))}" if start else "it is empty")
    return kind


def _name(path: Path) -> str:
    return {".mgh": "MGH", ".mgz": "MGH", ".img": "Analyze"}.get(path.suffix.lower(), "NIfTI")


def _nibabel(path: Path) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise UserError(f"reading {path.name} needs nibabel: pip install -e '.[volumes]'") from error
    return nibabel
