"""Predicted masks as files: each in the size of its own photograph or scan, under its name."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from jaxflow.data.reading import image_masks, scans, volumes
from jaxflow.deployment.outputs import Block
from jaxflow.file_io import temporary
from jaxflow.schema import IGNORE, Feature


@contextmanager
def masks_written(
    folder: Path, blocks: Iterable[Block], feature: Feature, root: Path | None = None
) -> Iterator[Iterator[Block]]:
    """Writes masks as files while they pass by, class indices as pixels.

    Those of images are PNG files, where 255 (65535 of more than 128 classes) means that the image was cropped there;
    those of scans are NIfTI files with the scan's affine, and of other volumes .npy files, where -1 means that.

    Args:
      folder: where they lie when the context ends without an error, each under its input's name.
      blocks: their ids and masks, (examples, *spatial).
      feature: what the inputs became for the model.
      root: the folder below which the ids are files; None where they are no files, and masks keep the model's size.

    Yields:
      The same blocks, for who else needs them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, ids, files = temporary(folder), [], []

    def write() -> Iterator[Block]:
        for names, masks in blocks:
            fresh.mkdir(parents=True, exist_ok=True)
            for name, mask in zip(names, masks):
                files.append(_write(fresh / str(len(files)), mask, feature, root / name if root else None))
            ids.extend(names)
            yield names, masks

    try:
        yield write()
        short = [str(PurePosixPath(id_).parent / PurePosixPath(id_).name.partition(".")[0]) for id_ in ids]
        names = short if len(set(short)) == len(ids) else ids  # a.jpg and a.png are two images
        for name, file in zip(names, files):
            path = folder / f"{name}{file.name.removeprefix(file.name.partition('.')[0])}"
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def without_padding(blocks: Iterable[Block], feature: Feature, root: Path) -> Iterator[Block]:
    """Yields masks of volumes with IGNORE where the volume was padded: padding has no class."""
    for names, masks in blocks:
        padded = np.stack([volumes.padding(root / name, feature.shape[:3]) for name in names])
        yield names, np.where(padded, np.array(IGNORE, masks.dtype), masks)


def _write(stem: Path, mask: np.ndarray, feature: Feature, source: Path | None) -> Path:
    """Writes one mask as `stem` and a suffix; returns its path."""
    if mask.ndim == 2:
        mask = image_masks.restore_mask(mask, source, feature) if source else mask
        wide = mask.dtype != np.int8
        pixels = np.where(mask < 0, 65535 if wide else 255, mask.astype(np.int32))
        Image.fromarray(pixels.astype(np.uint16 if wide else np.uint8)).save(path := stem.with_suffix(".png"))
        return path
    mask = volumes.restore_mask(mask, source) if source else mask
    if source and scans.is_scan(source):
        scans.write_mask(path := stem.with_suffix(".nii.gz"), mask, source)
    else:
        np.save(path := stem.with_suffix(".npy"), mask)
    return path
