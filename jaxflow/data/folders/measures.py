"""What files are before they become inputs: how far they are resized, cropped and padded, and their grey levels."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.reading.formats import KINDS, measure_files, read_files
from jaxflow.errors import UserError
from jaxflow.schema import Feature

logger = logging.getLogger("jaxflow")

# Grey levels that span less than half of 16 bits are brought to all of it: they would lose more than one bit of eight.
NARROW = 1 << 15
# Fraction of padding that is said.
MUCH_PADDING = 0.25


def read_measured(paths: Sequence[Path], feature: Feature) -> Iterator[dict[str, np.ndarray] | UserError]:
    """Reads files and measures them.

    Args:
      paths: the files.
      feature: what they become.

    Yields:
      For each its "inputs" and its "measured", as the measures of its kind; or the error that tells why it cannot be
      read.
    """
    for inputs, measured in zip(read_files(paths, feature), measure_files(paths, KINDS[feature.kind])):
        if isinstance(inputs, UserError):
            yield inputs
        elif isinstance(measured, UserError):
            yield measured
        else:
            yield {"inputs": inputs, "measured": measured}


def fit_levels(feature: Feature, measured: np.ndarray, folder: Path) -> Feature:
    """Returns the feature with the grey levels of the training images, where these have more than 8 bits.

    Args:
      feature: what images become; levels that it has stay.
      measured: (examples, measures) of the training images.
      folder: their folder, for the log.
    """
    if feature.kind != "image":
        return feature
    lowest, highest = measured[:, KINDS["image"].measures.index("lowest")], measured[:, -1]
    deep = np.isfinite(highest)
    if not deep.any():
        return feature
    low, high = float(lowest[deep].min()), float(highest[deep].max())
    if feature.levels is None and 0 < high - low < NARROW:
        feature = dataclasses.replace(feature, levels=(low, high))
    black, white = feature.levels or (0, 65535)
    logger.info(
        f"{folder}: {deep.sum()} training images have more than 8 bits, and levels from {low:g} to {high:g}; what lies "
        f"from {black:g} to {white:g} becomes 0 to 255 (--data.levels LOW HIGH sets it)"
    )
    return feature


def report_pages(feature: Feature, names: Sequence[str], measured: np.ndarray, folder: Path) -> None:
    """Logs how many images hold several pages or frames, of which the first is read.

    Args:
      feature: what the files become.
      names: (examples,) paths of the files below `folder`.
      measured: (examples, measures) of the files.
      folder: their folder.
    """
    if feature.kind != "image":
        return
    pages = measured[:, KINDS["image"].measures.index("pages")]
    several = np.flatnonzero(pages > 1)
    if several.size:
        logger.warning(
            f"{folder}: {several.size} of {len(names)} images hold several pages or frames, {names[several[0]]} "
            f"{pages[several[0]]:g} of them, and the first of each is read; if the others count, save each as an image"
        )


def report_sizes(feature: Feature, measured: np.ndarray, folder: Path) -> None:
    """Logs where the size of the inputs is far from that of the files: images that grow, clips and volumes cropped.

    Args:
      feature: what the files become.
      measured: (examples, measures) of the files.
      folder: their folder.
    """
    if len(measured):
        {"image": _report_images, "volume": _report_volumes, "audio": _report_audio}[feature.kind](
            feature, measured, folder
        )


def _report_images(feature: Feature, measured: np.ndarray, folder: Path) -> None:
    height, width = feature.shape[:2]
    middle = np.median(measured[:, :2], axis=0).astype(int)
    if middle[0] < height and middle[1] < width:
        logger.info(
            f"{folder}: the median image has {middle[0]}x{middle[1]} pixels, and data.size enlarges it to "
            f"{height}x{width}, which adds work and no detail; --data.size {middle[0]} {middle[1]} is its own size"
        )


def _report_volumes(feature: Feature, measured: np.ndarray, folder: Path) -> None:
    size = np.array(feature.shape[:3], float)
    padded = 1 - float((np.minimum(measured, size) / size).prod(1).mean())
    cropped = int((measured > size).any(1).sum())
    if padded > MUCH_PADDING or cropped:
        middle = "x".join(f"{side:g}" for side in np.median(measured, axis=0))
        logger.info(
            f"{folder}: the median volume has {middle} voxels; of data.size {'x'.join(f'{side:g}' for side in size)} "
            f"{padded:.0%} is padding, and {cropped} of {len(measured)} volumes are cropped"
        )


def _report_audio(feature: Feature, measured: np.ndarray, folder: Path) -> None:
    seconds = feature.shape[0] / (feature.sample_rate or 1)
    longer = int((measured > seconds * 1.001).sum())
    padded = 1 - float((np.minimum(measured, seconds) / seconds).mean())
    if padded > MUCH_PADDING or longer:
        logger.info(
            f"{folder}: the median clip has {np.median(measured):.3g} s; data.seconds {seconds:g} takes the beginning "
            f"of {longer} longer ones of {len(measured)}, and {padded:.0%} of the inputs is silence behind shorter ones"
        )
