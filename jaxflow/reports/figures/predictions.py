"""Figures of a run, drawn with Matplotlib's object interface: no global state, no display."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxflow.reports.figures.plot import MAX_PANELS, save, show_image, spread_evenly


def learning_curve(lines: Sequence[dict[str, Any]], units: Mapping[str, str], path: Path) -> None:
    """Draws the problem's metrics over the epochs, training against validation.

    Args:
      lines: the lines of metrics.jsonl.
      units: of the metrics, by name; "" where a metric has none.
      path: PNG file to write.
    """
    names = [name for name in units if any(name in line for line in lines)]
    names.sort(key=lambda name: name != "loss")  # the loss first
    epoch_of = {line["step"]: line["epoch"] for line in lines if "epoch" in line}
    figure = Figure(figsize=(5 * max(len(names), 1), 3.6), layout="constrained")
    for position, name in enumerate(names, 1):
        axes = figure.add_subplot(1, len(names), position)
        for split, style in (("train", {"alpha": 0.7}), ("validation", {"marker": "o", "markersize": 4})):
            of_split = [line for line in lines if line["split"] == split and name in line]
            if split == "train":
                points = _even_points([line["step"] for line in of_split], [line[name] for line in of_split], epoch_of)
            else:
                points = [(epoch_of.get(line["step"], 0.0), line[name]) for line in of_split]
            if points:
                axes.plot(*zip(*points), label=split, **style)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{name} ({units[name]})" if units[name] else name)
        axes.grid(alpha=0.3)
        axes.legend()
    save(figure, path)


def _even_points(
    steps: Sequence[int], values: Sequence[float], epoch_of: Mapping[int, float]
) -> list[tuple[float, float]]:
    """Returns the points of a curve of means over intervals, none of which is a mean of few steps beside many.

    An interval that a validation or the end of the run has cut short is joined to those after it, or at the end before
    it, until half of the longest is reached: a mean of two steps would be drawn as a spike.

    Args:
      steps: the last step of each interval, ascending.
      values: the mean over it.
      epoch_of: by step.
    """
    counts = np.diff([0, *steps]).clip(min=1)
    joined: list[list[float]] = []  # steps, sum, last step
    for count, value, step in zip(counts, values, steps):
        if joined and (joined[-1][0] < counts.max() / 2 or (step == steps[-1] and count < counts.max() / 2)):
            joined[-1] = [joined[-1][0] + count, joined[-1][1] + count * value, step]
        else:
            joined.append([count, count * value, step])
    return [(epoch_of.get(int(step), 0.0), total / count) for count, total, step in joined]


def misclassified(
    image_of: Callable[[int], np.ndarray],
    targets: np.ndarray,
    predicted: np.ndarray,
    confidence: np.ndarray,
    names: Sequence[str],
    path: Path,
    max_images: int = 25,
) -> int:
    """Draws the wrong predictions of the highest confidence.

    Args:
      image_of: index of an example -> (height, width, channel) uint8.
      targets: (examples,) class indices.
      predicted: (examples,) class indices.
      confidence: (examples,) probability of the predicted class.
      names: class names.
      path: PNG file to write.
      max_images: how many are drawn at most.

    Returns:
      How many predictions were wrong.
    """
    wrong = np.flatnonzero(predicted != targets)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:max_images]
    columns = 5
    rows = max(-(-len(shown) // columns), 1)
    figure = Figure(figsize=(1.7 * columns, 2.0 * rows + 0.4), layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(targets)} wrong" + (", most confident first" if len(wrong) else ""))
    for position, index in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, position)
        image = image_of(index)
        show_image(axes, image)
        axes.set_title(f"{names[predicted[index]]} {confidence[index]:.2f}\ntrue: {names[targets[index]]}", fontsize=8)
    save(figure, path)
    return len(wrong)


def confusion(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws how often each class is taken for each other one.

    Args:
      counts: (classes, classes) examples or pixels by true and predicted class.
      names: class names.
      path: PNG file to write.
    """
    figure = Figure(figsize=(5.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 20:
        for row in range(len(names)):
            for column in range(len(names)):
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=7, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=60, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    save(figure, path)


def predicted_against_true(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws each example's prediction over its true value; on the line they are equal.

    Args:
      targets: (examples, names) true values.
      predictions: (examples, names) predicted ones.
      names: of the targets; MAX_PANELS of them are drawn, evenly spaced.
      path: PNG file to write.
    """
    figure, panels = _scatter(names, ("true", targets), ("predicted", predictions))
    for axes, index in zip(panels, spread_evenly(len(names), MAX_PANELS)):
        axes.axline((targets[0, index],) * 2, slope=1, color="black", linewidth=0.8)
    save(figure, path)


def residuals(targets: np.ndarray, predictions: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws residuals, true minus predicted values, over the predictions.

    Args:
      targets: (examples, names) true values.
      predictions: (examples, names) predicted ones.
      names: of the targets; MAX_PANELS of them are drawn, evenly spaced.
      path: PNG file to write.
    """
    figure, panels = _scatter(names, ("predicted", predictions), ("true - predicted", targets - predictions))
    for axes in panels:
        axes.axhline(0, color="black", linewidth=0.8)
    save(figure, path)


def _scatter(
    names: Sequence[str], across: tuple[str, np.ndarray], up: tuple[str, np.ndarray]
) -> tuple[Figure, list[Axes]]:
    """Draws a point for each example in a panel for each name; a side is its label and (examples, names) values."""
    shown = spread_evenly(len(names), MAX_PANELS)
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.8 * columns, 4.2 * rows), layout="constrained")
    panels = [figure.add_subplot(rows, columns, number) for number in range(1, len(shown) + 1)]
    for axes, index in zip(panels, shown):
        axes.scatter(across[1][:, index], up[1][:, index], s=8, alpha=0.5, linewidths=0)
        axes.set_title(names[index])
        axes.set_xlabel(across[0])
        axes.set_ylabel(up[0])
        axes.xaxis.set_major_locator(MaxNLocator(5))  # long labels would run into each other
        axes.grid(alpha=0.3)
    return figure, panels
