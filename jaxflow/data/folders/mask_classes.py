"""Values of masks become class indices; masks whose values were blurred on the way are refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.spread import evenly_spaced
from jaxflow.errors import UserError, listed
from jaxflow.schema import IGNORE

# Formats of masks that change values.
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")
# Masks of which the values are looked at.
MAX_MASKS = 64
# Values that fewer pixels have are rare. Blurred values are at least so many, all together rarer than this, and so many
# of their pixels have no neighbour of the same value: of a thin object most have one.
RARE, MIN_BLURRED, MAX_BLURRED, ALONE = 0.02, 6, 0.5, 0.5
WAY = (
    "save masks as PNG, resized by the nearest pixel alone, or say which values they mean, and each pixel takes the "
    "nearest: --data.mask_values"
)


def check_lossless(folder: Path, masks: Sequence[str], mask_values: Sequence[int]) -> None:
    """Raises UserError if masks are of a format that changes values, and nothing says which were meant."""
    lossy = [path for path in masks if path.lower().endswith(LOSSY)]
    if lossy and not mask_values:
        raise UserError(
            f"{folder / lossy[0]} is a JPEG ({len(lossy)} such of {len(masks)}), which blurs values, and each value of "
            f"a mask is a class; {WAY} 0 255"
        )


def check_blurred(folder: Path, masks: np.ndarray) -> None:
    """Raises UserError if masks hold many rare values that are strewn about, as losses and resizing leave them.

    Args:
      folder: of the dataset, for the error.
      masks: (examples, *spatial) integer values of the training masks.
    """
    some = masks[evenly_spaced(len(masks), MAX_MASKS)]
    values, counts = np.unique(some[some >= 0], return_counts=True)
    fractions = counts / max(counts.sum(), 1)
    rare = values[fractions < RARE]
    if len(rare) < max(MIN_BLURRED, len(values) - len(rare)) or fractions[fractions < RARE].sum() > MAX_BLURRED:
        return
    odd = np.isin(some, rare)
    joined = np.zeros_like(odd)
    for axis in range(1, some.ndim):
        same = np.diff(some, axis=axis) == 0
        before, after = [slice(None)] * some.ndim, [slice(None)] * some.ndim
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        joined[tuple(before)] |= same
        joined[tuple(after)] |= same
    if (odd & ~joined).sum() > ALONE * odd.sum():
        main = values[fractions >= RARE]
        raise UserError(
            f"the training masks of {folder} hold {len(values)} values, {len(rare)} of them strewn over single pixels "
            f"(such as {listed(map(str, rare), 5)}): something blurred them, and each value is a class; {WAY} "
            + " ".join(map(str, main))
        )


def nearest_values(masks: np.ndarray, mask_values: Sequence[int], ignore_label: int | None) -> np.ndarray:
    """Returns masks of which each pixel has the nearest of `mask_values` or `ignore_label`; padding stays."""
    meant = sorted({*mask_values, *(() if ignore_label is None else (ignore_label,))})
    nearest = np.abs(np.arange(np.iinfo(np.int16).max + 1)[:, None] - np.array(meant)).argmin(1)
    return np.where(masks < 0, masks, np.array(meant, masks.dtype)[nearest[np.maximum(masks, 0)]])


def require_two(folder: Path, values: np.ndarray) -> None:
    """Raises UserError if the training masks hold fewer than two `values`."""
    if len(values) < 2:
        held = ", ".join(map(str, values)) or "nothing"
        raise UserError(f"the training masks of {folder} hold one class alone ({held}); segmentation takes two or more")


def class_indices(
    folder: Path, paths: Sequence[str], masks: np.ndarray, values: np.ndarray, ignore_label: int | None
) -> np.ndarray:
    """Converts the values of masks to class indices, (examples, ...), and `ignore_label` to IGNORE.

    Args:
      folder: of the dataset, for the error.
      paths: of the masks below it.
      masks: (examples, *spatial) int16 values.
      values: of which the rank is the class.
      ignore_label: the value that counts nowhere; None where there is none.

    Raises:
      UserError: a mask holds another value.
    """
    class_of = np.full(np.iinfo(np.int16).max + 2, len(values), np.int16)
    class_of[values] = np.arange(len(values))
    class_of[IGNORE] = IGNORE  # the last entry: padding
    if ignore_label is not None:
        class_of[ignore_label] = IGNORE
    targets = class_of[masks]
    wrong = np.argwhere(targets == len(values))
    if len(wrong):
        raise UserError(
            f"{folder / paths[wrong[0][0]]} holds the value {masks[tuple(wrong[0])]}, and the classes are "
            f"{values.tolist()}; say which value is data.ignore_label, or name all classes"
        )
    return targets
