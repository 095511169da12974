"""Shared by all figures: images without axes, and saving as PNG."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

from jaxflow.file_io import replacing


def show_image(axes: Any, image: np.ndarray) -> None:
    """Shows a (height, width, channel) image without axes; one channel is grey."""
    if image.shape[-1] in (3, 4):
        axes.imshow(image)
    else:
        full = 255 if image.dtype == np.uint8 else 1
        axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=full)
    axes.set_axis_off()


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, and its folder where it is missing; dollars in its words are no mathematics."""
    for words in figure.findobj(Text):  # names of classes and columns come from anywhere
        words.set_parse_math(False)
    with warnings.catch_warnings(), rc_context({"text.parse_math": False}), replacing(path) as fresh:
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a box stands for it
        figure.savefig(fresh, dpi=120, format="png")
