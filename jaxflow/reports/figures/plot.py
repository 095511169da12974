"""Shared by all figures: images without axes, and saving as PNG."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

from jaxflow.file_io import replacing

# Targets that get a panel each; a figure has no room for more.
MAX_PANELS = 6


def spread_evenly(count: int, limit: int) -> list[int]:
    """Returns at most `limit` of the indices 0..count-1, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(int)).tolist()


def show_image(axes: Any, image: np.ndarray) -> None:
    """Shows a (height, width, channel) image without axes; one channel is grey."""
    if image.shape[-1] in (3, 4):
        axes.imshow(image)
    else:
        full = 255 if image.dtype == np.uint8 else 1
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=full)
    axes.set_axis_off()


def bin_edges(values: Sequence[np.ndarray], bins: int) -> np.ndarray:
    """Returns the edges of a histogram's bins, (bins + 1,) float64, wide enough for close and for equal numbers.

    Args:
      values: arrays of finite numbers that share the bins.
      bins: how many there are.
    """
    low = min(float(part.min()) for part in values)
    high = max(float(part.max()) for part in values)
    least = bins * 4 * float(np.spacing(max(abs(low), abs(high))))
    if high - low < least:  # as wide as NumPy makes the bins of equal numbers, or as such large ones can be
        middle, half = (low + high) / 2, max(least, 0.5 if high == low else 0.0)
        low, high = middle - half, middle + half
    return np.linspace(low, high, bins + 1)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, and its folder where it is missing; dollars in its words are no mathematics."""
    for words in figure.findobj(Text):  # names of classes and columns come from anywhere
        words.set_parse_math(False)
    with warnings.catch_warnings(), rc_context({"text.parse_math": False}), replacing(path) as fresh:
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a box stands for it
        figure.savefig(fresh, dpi=120, format="png")
