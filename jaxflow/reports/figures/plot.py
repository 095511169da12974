"""Shared by all figures: colours, images without axes, and saving."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from jaxflow.console import printable
from jaxflow.file_io import write_atomically
from jaxflow.reports.svg import OTHER_COLOURS, SPLIT_COLOURS

# Targets that get a panel each, and categories that get a bar each; a figure has no room for more.
MAX_PANELS, MAX_NAMES = 6, 8


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


def bars(axes: Any, names: Sequence[str], fractions: Mapping[str, Sequence[float] | np.ndarray]) -> None:
    """Draws the fraction of each split that each of a few categories has, the first at the top."""
    width = 0.8 / len(fractions)
    for number, (split, lengths) in enumerate(fractions.items()):
        axes.barh(np.arange(len(names)) + number * width, lengths, width, label=split, color=colour_of(split, number))
    axes.set_yticks(np.arange(len(names)) + 0.4 - width / 2, [name[:18] for name in names])
    axes.invert_yaxis()


def count_ticks(axis: Any) -> None:
    """Places the ticks of an axis of counts at whole numbers."""
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


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


def colour_of(name: str, place: int = 0) -> str:
    """Returns the colour of a split, which is the same in every figure, or the one at a place among other things."""
    return SPLIT_COLOURS.get(name, OTHER_COLOURS[place % len(OTHER_COLOURS)])


def cut(name: str) -> str:
    """Returns the beginning of a long name, with an ellipsis."""
    return name if len(name) <= 18 else f"{name[:17]}…"


def legend(figure: Figure, columns: int = 4) -> None:
    """Draws one legend above all panels, off their lines; every name once."""
    handles = {name: handle for axes in figure.axes for handle, name in zip(*axes.get_legend_handles_labels())}
    if handles:
        figure.legend(
            [*handles.values()], [*handles], loc="outside upper left", ncols=columns, frameon=False, fontsize=9
        )


def thin(axes: Any) -> None:
    """Draws an axes' grid faintly, and no frame but its left and lower sides."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as SVG or PNG, and its folder where it is missing; dollars in its words are no mathematics.

    Letters stay letters in SVG, which a page draws in its own font, and nothing in it depends on when it was written.

    Args:
      figure: the figure.
      path: file to write, .svg or .png.
    """
    for words in figure.findobj(Text):  # names of classes and columns come from anywhere
        words.set_parse_math(False)
    settings: Any = {"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": path.name}
    made = io.StringIO() if path.suffix == ".svg" else io.BytesIO()
    with warnings.catch_warnings(), rc_context(settings):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a box stands for it
        about = dict.fromkeys(("Creator", "Date", "Format", "Type")) if path.suffix == ".svg" else None
        figure.savefig(made, dpi=120, format=path.suffix[1:], metadata=about)
    write_atomically(path, printable(made.getvalue()) if isinstance(made, io.StringIO) else made.getvalue())
