"""Figures of models of two numbers: the answers over the plane, and what hidden units do there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.explanations.saliency import AGAINST, FOR
from jaxflow.reports.figures.plot import colour_of, save, spread_evenly
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number, percent

# Of classes, in their order.
PALETTE = (FOR, AGAINST, *(colour_of("", place) for place in range(4)), colour_of("test"))
# Places of a side of the table behind the plane.
MAX_PLACES = 7


Pair = tuple[np.ndarray, np.ndarray]


def decision_plane(
    names: Sequence[str], sides: Pair, answered: Pair, examples: Pair, classes: Sequence[str], path: Path
) -> Drawing:
    """Draws what a model answers over the plane, and the test split's points over it.

    Args:
      names: of the two numbers.
      sides: (columns,) and (rows,) their values.
      answered: (rows, columns) predicted classes and their probability, or values and an empty array.
      examples: (points, 2) some of the test split, and (points,) their true classes or values.
      classes: their names; () of values.
      path: SVG file to write.
    """
    (answers, strength), (points, targets) = answered, examples
    figure = Figure(figsize=(5.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    extent = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    image, coloured = (_classes if classes else _values)(answers, strength, targets, len(classes))
    axes.imshow(image, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
    if classes:
        axes.contour(*sides, *_border(answers, strength, len(classes)), colors="black", linewidths=0.8)
    else:
        lines = axes.contour(*sides, answers, levels=6, colors="black", linewidths=0.6)
        axes.clabel(lines, fontsize=7)
    axes.scatter(*points.T, s=12, c=coloured, edgecolors="black", linewidths=0.4)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    shown = [
        Line2D([], [], linestyle="", marker="o", color=PALETTE[label % len(PALETTE)], label=name)
        for label, name in enumerate(classes[:12])
    ]
    if shown:
        figure.legend(handles=shown, loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    save(figure, path)
    across, up = (spread_evenly(len(side), MAX_PLACES) for side in sides)
    rows = [[exact(sides[1][j]), *(_answer(answers, strength, classes, j, i) for i in across)] for j in up[::-1]]
    table = Table(
        f"Answers by {names[1]} (down) and {names[0]} (across)", ("", *(exact(sides[0][i]) for i in across)), rows
    )
    return Drawing("Answers over the plane", path, _seen(names, answers, classes, len(points)), table)


def hidden_units(values: np.ndarray, layers: Sequence[int], widths: Sequence[int], path: Path) -> Drawing:
    """Draws what hidden units answer over the plane: orange below 0 and blue above, the stronger the larger.

    Args:
      values: (rows, columns, units).
      layers: number of the layer of each unit, ascending.
      widths: how many units each layer has.
      path: SVG file to write.
    """
    numbers = sorted(set(layers))
    most = max(layers.count(layer) for layer in numbers)
    figure = Figure(figsize=(1.15 * most + 0.6, 1.3 * len(numbers)), layout="constrained")
    rows = []
    for place, layer in enumerate(numbers):
        for column, unit in enumerate(np.flatnonzero(np.array(layers) == layer)):
            axes, map_ = figure.add_subplot(len(numbers), most, place * most + column + 1), values[..., unit]
            axes.imshow(_signed(map_), origin="lower", interpolation="bilinear")
            axes.set_xticks([])
            axes.set_yticks([])
            if column == 0:
                axes.set_ylabel(f"layer {layer}", fontsize=8)
            ends = exact(float(map_.min())), exact(float(map_.max()))
            rows.append([f"{layer}", f"{column + 1}", *ends, percent(float((map_ > 0).mean()), map_.size)])
    save(figure, path)
    table = Table("Hidden units over the plane", ("layer", "unit drawn", "least", "most", "above 0"), rows)
    shown = ", ".join(f"{layers.count(layer)} of {widths[layer - 1]} in layer {layer}" for layer in numbers)
    above = percent(float((values > 0).mean()), values.size)
    alt = (
        f"Maps of the hidden units that vary most over the plane: {shown}; on average they are above 0 on {above} of it"
    )
    return Drawing("What hidden units do over the plane", path, alt, table)


def _border(answers: np.ndarray, strength: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what changes where the answer does, (rows, columns), and at which levels; of two classes it is smooth."""
    if count == 2:
        return np.where(answers == 1, strength, 1 - strength), np.array([0.5])
    return answers, np.arange(count - 1) + 0.5


def _classes(answers: np.ndarray, strength: np.ndarray, targets: np.ndarray, count: int) -> tuple[np.ndarray, Any]:
    colours = np.array([to_rgba(PALETTE[label % len(PALETTE)]) for label in range(count)])
    image = colours[answers.astype(int)]
    sure = (strength - 1 / count) / (1 - 1 / count)
    image[..., 3] = 0.08 + 0.6 * np.clip(sure, 0, 1)
    unknown = np.array([[0.5, 0.5, 0.5, 1.0]])
    return image, np.concatenate([colours, unknown])[targets.astype(int)]  # IGNORE is -1, the last


def _values(answers: np.ndarray, strength: np.ndarray, targets: np.ndarray, count: int) -> tuple[np.ndarray, Any]:
    middle, reach = float(answers.mean()), float(np.abs(answers - answers.mean()).max()) or 1.0
    return _signed(answers - middle), _signed(np.clip(targets - middle, -reach, reach), reach, least=0.25)


def _signed(values: np.ndarray, reach: float | None = None, least: float = 0.0) -> np.ndarray:
    """Returns values as colours, (..., 4): orange below 0, blue above, their opacity their size."""
    image = np.where(values[..., None] > 0, np.array(to_rgba(AGAINST)), np.array(to_rgba(FOR)))
    sizes = np.abs(values) / (reach or float(np.abs(values).max()) or 1.0)
    image[..., 3] = least + (0.85 - least) * np.clip(sizes, 0, 1)
    return image


def _answer(answers: np.ndarray, strength: np.ndarray, classes: Sequence[str], row: int, column: int) -> str:
    if not classes:
        return exact(float(answers[row, column]))
    return f"{classes[int(answers[row, column])]} {percent(float(strength[row, column]), 100)}"


def _seen(names: Sequence[str], answers: np.ndarray, classes: Sequence[str], points: int) -> str:
    begin = f"Answers over the plane of {names[0]} and {names[1]} under {points:,} test examples"
    if not classes:
        return f"{begin}: values from {number(float(answers.min()))} to {number(float(answers.max()))}"
    shares = ((name, float((answers == label).mean())) for label, name in enumerate(classes))
    told = ", ".join(f"{name} on {percent(share, answers.size)} of it" for name, share in shares if share)
    return f"{begin}: {told}"
