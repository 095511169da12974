"""Figures of attention: a panel for each layer and head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import save, show_image
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number

# Of a cell, seen on a light and on a dark page.
FILL = "#3d85d8"
# Positions whose tokens are written beside a panel; letters of each.
MAX_WRITTEN, MAX_LETTERS = 16, 8


def attention(
    weights: np.ndarray, layers: Sequence[int], heads: Sequence[int], positions: Sequence[str], path: Path
) -> Drawing:
    """Draws the attention weights of one example: queries down, keys across, the stronger the larger.

    Args:
      weights: (layers, heads, query, key); a query's weights add up to 1.
      layers: number of each layer.
      heads: number of each head.
      positions: (query,) what stands at each position, in words.
      path: SVG file to write.
    """
    figure, panels = _panels(weights, layers, heads)
    written = [name[:MAX_LETTERS] for name in positions] if len(positions) <= MAX_WRITTEN else None
    for axes, panel in panels:
        _heat(axes, panel)
        axes.set_xticks([])
        axes.set_yticks([])
        if written and axes.get_subplotspec().is_first_col():
            axes.set_yticks(range(len(written)), written, fontsize=7)
        if written and axes.get_subplotspec().is_last_row():
            axes.set_xticks(range(len(written)), written, fontsize=7, rotation=90)
    save(figure, path)
    apart = np.abs(np.arange(len(positions))[:, None] - np.arange(len(positions))[None])
    rows, far = [], (weights * apart[None, None]).sum(-1).mean(-1)  # (layer, head)
    for layer, head in np.ndindex(far.shape):
        query, key = map(int, np.unravel_index(weights[layer, head].argmax(), apart.shape))
        strongest = f"{positions[query]} ({query + 1}) to {positions[key]} ({key + 1})"
        weight = exact(float(weights[layer, head, query, key]))
        rows.append([str(layers[layer]), str(heads[head]), number(float(far[layer, head])), strongest, weight])
    table = Table("Attention", ("layer", "head", "mean distance", "strongest, by position", "weight"), rows, prose=True)
    near, wide = np.unravel_index(far.argmin(), far.shape), np.unravel_index(far.argmax(), far.shape)
    alt = (
        f"Heat maps of attention in {len(layers)} layers and {len(heads)} heads over {len(positions)} positions: on "
        f"average layer {layers[near[0]]}, head {heads[near[1]]} looks {number(float(far[near]))} positions away, and "
        f"layer {layers[wide[0]]}, head {heads[wide[1]]} {number(float(far[wide]))}"
    )
    return Drawing("Attention", path, alt, table)


def attention_to_patches(
    image: np.ndarray, weights: np.ndarray, layers: Sequence[int], heads: Sequence[int], getting: str, path: Path
) -> Drawing:
    """Draws how much attention each patch of an image gets.

    Args:
      image: (height, width, channel) float, 0 to 1.
      weights: (layers, heads, row, column).
      layers: number of each layer.
      heads: number of each head.
      getting: whose attention it is.
      path: SVG file to write.
    """
    figure, panels = _panels(weights, layers, heads, spare=1)
    show_image(figure.axes[-1], image)
    figure.axes[-1].set_title("the image", fontsize=8)
    rows = []
    for place, (axes, panel) in enumerate(panels):
        _heat(axes, panel)
        axes.set_xticks([])
        axes.set_yticks([])
        row, column = np.unravel_index(panel.argmax(), panel.shape)
        layer, head = divmod(place, len(heads))
        times = float(panel[row, column] / max(panel.mean(), 1e-12))
        rows.append([str(layers[layer]), str(heads[head]), f"{row + 1}, {column + 1}", number(times)])
    save(figure, path)
    table = Table("Attention", ("layer", "head", "strongest patch: row, column", "times the mean"), rows)
    alt = (
        f"Heat maps of the attention of {getting} to {weights.shape[2]} x {weights.shape[3]} patches, beside the "
        f"image; in layer {rows[-1][0]}, head {rows[-1][1]} the strongest is at row, column {rows[-1][2]} with "
        f"{rows[-1][3]} times the mean"
    )
    return Drawing(f"Attention of {getting}", path, alt, table)


def _panels(weights: np.ndarray, layers: Sequence[int], heads: Sequence[int], spare: int = 0) -> tuple[Figure, Any]:
    """Returns a figure with a panel for each layer (row) and head, and an empty one beside them where it is spared."""
    down, across = weights.shape[:2]
    figure = Figure(figsize=(1.9 * (across + spare) + 0.5, 1.95 * down + 0.2), layout="constrained")
    panels = []
    for layer, head in np.ndindex(down, across):
        axes = figure.add_subplot(down, across + spare, layer * (across + spare) + head + 1)
        axes.set_title(f"layer {layers[layer]}, head {heads[head]}", fontsize=8)
        panels.append((axes, weights[layer, head]))
    if spare:
        figure.add_subplot(down, across + 1, across + 1)
    return figure, panels


def _heat(axes: Any, panel: np.ndarray) -> None:
    """Shows (rows, columns) weights as the opacity of one colour, which grows with their root: weak ones are seen."""
    shown = np.zeros((*panel.shape, 4)) + to_rgba(FILL)
    shown[..., 3] = np.sqrt(panel / max(float(panel.max()), 1e-12))
    axes.imshow(shown, interpolation="nearest", aspect="equal")
    axes.spines[:].set_color("0.6")
