"""Figures of predicted numbers: against the true ones, and what is left of these."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import MAX_PANELS, bin_edges, colour_of, count_ticks, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import count, exact, number

# Points of all panels together: each is an element of the page.
MAX_POINTS = 3000
# Parts of equal size that a table has of a target; bins of a histogram.
PARTS, BINS = 5, 40
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def predicted_against_true(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws each example's prediction over its true value; on the line they are equal.

    Args:
      targets: (examples, names) true values.
      predictions: (examples, names) predicted ones.
      names: of the targets; MAX_PANELS of them are drawn, evenly spaced.
      path: SVG file to write.
    """
    figure, panels = _scatter(names, ("true", targets), ("predicted", predictions))
    shown = spread_evenly(len(names), MAX_PANELS)
    for axes, index in zip(panels, shown):
        axes.axline((targets[0, index],) * 2, slope=1, color="black", linewidth=0.8)
    save(figure, path)
    rows = [row for index in shown for row in _by_part(names[index], targets[:, index], predictions[:, index])]
    columns = ("target, by size of its true value", "true, from", "to", "mean predicted", "rmse")
    table = Table("Predictions by true value, in parts of equal size", columns, rows)
    alt = f"Predicted over true values of {count(len(targets), 'example')}: {_fit(targets, predictions, names, shown)}"
    return Drawing("Predicted against true", path, alt, table)


def residuals(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws residuals, true minus predicted values, over the predictions.

    Args:
      targets: (examples, names) true values.
      predictions: (examples, names) predicted ones.
      names: of the targets; MAX_PANELS of them are drawn, evenly spaced.
      path: SVG file to write.
    """
    left = targets - predictions
    figure, panels = _scatter(names, ("predicted", predictions), ("true - predicted", left))
    for axes in panels:
        axes.axhline(0, color="black", linewidth=0.8)
    save(figure, path)
    shown = spread_evenly(len(names), MAX_PANELS)
    quantiles = np.quantile(left[:, shown], LEVELS, axis=0)  # (level, target)
    rows = [[names[index], *map(exact, column)] for index, column in zip(shown, quantiles.T)]
    table = Table("Quantiles of true - predicted", ("target", *(f"{100 * level:g}%" for level in LEVELS)), rows)
    middle = "; ".join(
        f"{names[i]}: half of them from {number(q[1])} to {number(q[3])}" for i, q in zip(shown, quantiles.T)
    )
    return Drawing("Residuals", path, f"True minus predicted values over predictions. {middle}", table)


def error_distribution(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws how many predictions are off by how much, with the median and the middle 90% marked.

    Args:
      targets: (examples, names) true values.
      predictions: (examples, names) predicted ones.
      names: of the targets; MAX_PANELS of them are drawn, evenly spaced.
      path: SVG file to write.
    """
    left, shown = targets - predictions, spread_evenly(len(names), MAX_PANELS)
    figure, panels = _panels(len(shown))
    rows, told = [], []
    for axes, index in zip(panels, shown):
        values, size = left[:, index], np.abs(left[:, index])
        axes.hist(values, bins=bin_edges([values], BINS).tolist(), color=colour_of("test"), alpha=0.8)
        marks = np.quantile(values, (LEVELS[0], 0.5, LEVELS[-1])).tolist()
        for mark, style in zip(marks, ("--", "-", "--")):
            axes.axvline(mark, color=colour_of("", 1), linestyle=style, linewidth=1.2)
        axes.set_title(names[index], fontsize=10)
        axes.set_xlabel("true - predicted; lines: 5%, median, 95%")
        axes.set_ylabel("examples")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        count_ticks(axes.yaxis)
        thin(axes)
        sizes = [*np.quantile(size, (0.5, 0.9, 0.99)).tolist(), float(size.max())]
        rows.append([names[index], exact(float(values.mean())), *map(exact, sizes)])
        told.append(
            f"{names[index]}: half are off by less than {number(sizes[0])}, nine of ten by less than {number(sizes[1])}"
        )
    save(figure, path)
    columns = ("target", "mean of true - predicted", "median error", "90% are off by less than", "99%", "largest")
    table = Table("Sizes of the errors", columns, rows)
    return Drawing("How far predictions are off", path, f"Histograms of errors. {'; '.join(told)}", table)


def sizes_of_errors(errors: np.ndarray, what: str, path: Path, *, rows_of: str = "examples") -> Drawing:
    """Draws how many examples have an error of which size.

    Args:
      errors: (examples,) float, 0 or more.
      what: the error, in words.
      path: SVG file to write.
      rows_of: what has an error, in the plural.
    """
    figure, (axes,) = _panels(1)
    axes.hist(errors, bins=bin_edges([errors], BINS).tolist(), color=colour_of("test"), alpha=0.8)
    marks = np.quantile(errors, (0.5, 0.9, 0.99)).tolist()
    for mark, style in zip(marks[:2], ("-", "--")):
        axes.axvline(mark, color=colour_of("", 1), linestyle=style, linewidth=1.2)
    axes.set_xlabel(f"{what}; lines: median, 90%")
    axes.set_ylabel(rows_of)
    count_ticks(axes.yaxis)
    thin(axes)
    save(figure, path)
    columns = ("", "mean", "median", "90% are below", "99%", "largest")
    row = [what, *map(exact, (float(errors.mean()), *marks, float(errors.max())))]
    alt = (
        f"Histogram of the {what} of {len(errors):,} {rows_of}: median {number(marks[0])}, 90% below {number(marks[1])}"
    )
    return Drawing(f"How large the {what} is", path, alt, Table("Sizes of the errors", columns, [row]))


def _by_part(name: str, targets: np.ndarray, predictions: np.ndarray) -> list[list[str]]:
    order = np.argsort(targets, kind="stable")
    rows = []
    for part in np.array_split(order, min(PARTS, len(order))):
        true, answered = targets[part], predictions[part]
        error = np.sqrt(np.square(answered - true).mean())
        rows.append([name, *map(exact, (true.min(), true.max(), answered.mean(), error))])
    return rows


def _fit(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], shown: Sequence[int]) -> str:
    spread = targets.std(0) * predictions.std(0)
    together = ((targets - targets.mean(0)) * (predictions - predictions.mean(0))).mean(0)
    return ", ".join(f"{names[i]} correlation {together[i] / spread[i]:.2f}" for i in shown if spread[i] > 0)


def _scatter(
    names: Sequence[str], across: tuple[str, np.ndarray], up: tuple[str, np.ndarray]
) -> tuple[Figure, list[Axes]]:
    """Draws a point for each example in a panel for each name; a side is its label and (examples, names) values."""
    shown = spread_evenly(len(names), MAX_PANELS)
    figure, panels = _panels(len(shown))
    points = spread_evenly(len(up[1]), MAX_POINTS // len(shown))
    for axes, index in zip(panels, shown):
        axes.scatter(
            across[1][points, index], up[1][points, index], s=8, alpha=0.5, linewidths=0, color=colour_of("test")
        )
        axes.set_title(names[index], fontsize=10)
        axes.set_xlabel(across[0])
        axes.set_ylabel(up[0])
        axes.xaxis.set_major_locator(MaxNLocator(5))  # long labels would run into each other
        thin(axes)
    return figure, panels


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """Builds a figure of some panels, three beside each other."""
    columns = min(count, 3)
    rows = -(-count // columns)
    size = 4.8 if columns == 1 else 3.6
    figure = Figure(figsize=(size * columns, 0.85 * size * rows), layout="constrained")
    return figure, [figure.add_subplot(rows, columns, place) for place in range(1, count + 1)]
