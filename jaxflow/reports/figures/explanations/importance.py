"""Figures of how much a model needs its columns, and the rows of its windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import MAX_PANELS, colour_of, count_ticks, legend, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import NONE, exact, number

# Columns that have a bar each.
MAX_BARS = 20


def column_importance(
    columns: Sequence[str], noun: str, metric: str, rises: np.ndarray, loss_rises: np.ndarray, path: Path
) -> Drawing:
    """Draws how far a metric rises where each column is permuted, with its interval; the largest first.

    Args:
      columns: their names.
      noun: what one is called.
      metric: what rises.
      rises: (columns, 3) the rise, and where its interval begins and ends; NaN where it has none.
      loss_rises: (columns, 3) likewise, of the loss.
      path: SVG file to write.
    """
    order: list[int] = np.argsort(-rises[:, 0], kind="stable").tolist()
    shown = order[:MAX_BARS][::-1]  # bars are drawn from below
    values, low, high = rises[shown].T
    figure = Figure(figsize=(6.2, 0.32 * len(shown) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    reach = np.nan_to_num([np.maximum(values - low, 0), np.maximum(high - values, 0)])
    axes.barh(range(len(shown)), values, xerr=reach, color=colour_of("test"), alpha=0.6, error_kw={"capsize": 2})
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [_cut(columns[i]) for i in shown])
    axes.set_xlabel(f"rise of the {metric}")
    thin(axes)
    save(figure, path)
    both = metric != "loss"
    parts = (rises, loss_rises) if both else (rises,)
    rows = [[columns[i], *(cell for of in parts for cell in (exact(float(of[i, 0])), _interval(of[i])))] for i in order]
    heads = ("", f"rise of the {metric}", "95% interval", *(("rise of the loss", "95% interval") if both else ()))
    told = ", ".join(f"{columns[i]} {number(rises[i, 0])}" for i in order[:5])
    alt = f"Bars of the rise of the {metric} where the values of one {noun} are permuted, the largest first: {told}"
    return Drawing(f"What each {noun} is needed for", path, alt, Table(f"Rises, by {noun}", heads, rows))


def row_sizes(values: np.ndarray, columns: Sequence[str], path: Path) -> Drawing:
    """Draws the mean size of the attributions of a window's rows, a line for each column.

    Args:
      values: (windows, rows, columns).
      columns: their names.
      path: SVG file to write.
    """
    sizes = np.abs(values).mean(0)  # (row, column)
    most: list[int] = np.argsort(-sizes.sum(0), kind="stable")[:MAX_PANELS].tolist()
    ago = np.arange(len(sizes)) - len(sizes) + 1
    figure = Figure(figsize=(6.2, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for place, column in enumerate(most):
        colour = colour_of("" if place else "test", place - 1)
        axes.plot(ago, sizes[:, column], color=colour, label=columns[column], marker="o", markersize=3)
    axes.set_xlabel("row of the window, 0 for the last")
    axes.set_ylabel("mean size of what it adds")
    count_ticks(axes.xaxis)
    thin(axes)
    legend(figure)
    save(figure, path)
    rows = [[f"{ago[i]}", *(exact(float(sizes[i, c])) for c in most)] for i in spread_evenly(len(sizes), 60)]
    row, column = np.unravel_index(sizes.argmax(), sizes.shape)
    alt = (
        f"Lines of the mean size of what each row of a window adds, for {', '.join(columns[c] for c in most)}: "
        f"the largest is {number(float(sizes[row, column]))}, of {columns[column]} at row {ago[row]}"
    )
    table = Table("Mean size of what a row adds", ("row", *(columns[c] for c in most)), rows)
    return Drawing("What each row of a window adds", path, alt, table)


def _interval(rise: np.ndarray) -> str:
    return NONE if np.isnan(rise[1]) else f"{exact(float(rise[1]))} to {exact(float(rise[2]))}"


def _cut(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
