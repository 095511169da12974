"""Figures of windows of series, and of vectors before and after augmentations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.reports.figures.plot import save


def windows(dataset: Dataset, sample: Sample, path: Path, max_windows: int = 6) -> None:
    """Draws some windows, with a dot for each value to predict.

    Args:
      dataset: its inputs are (length, columns).
      sample: of the training split.
      path: PNG file to write.
      max_windows: windows that are drawn at most.
    """
    chosen = np.linspace(0, len(sample.inputs) - 1, min(max_windows, len(sample.inputs))).astype(int)
    figure = Figure(figsize=(10, 2.2 * -(-len(chosen) // 3)), layout="constrained")
    length = sample.inputs.shape[1]
    for number, index in enumerate(chosen, 1):
        axes = figure.add_subplot(-(-len(chosen) // 3), 3, number)
        axes.plot(np.arange(length), sample.inputs[index], linewidth=1)
        if dataset.schema.target.kind == "number":
            ahead = sample.targets[index]
            axes.plot(length + np.arange(len(ahead)), ahead, "o", markersize=4, color="black")
        axes.set_title(dataset.splits["train"].id(int(sample.indices[index])), fontsize=8)
        axes.tick_params(labelsize=7)
    save(figure, path)


def before_and_after(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Draws the same vectors before augmentations, in grey, and after them.

    Args:
      rows: a name and (examples, ...) inputs in each row, first the examples as they are.
      path: PNG file to write.
    """
    before, columns = rows[0][1], min(len(rows[0][1]), 4)
    figure = Figure(figsize=(2.6 * columns, 1.6 * (len(rows) - 1)), layout="constrained")
    for row, (name, after) in enumerate(rows[1:]):
        for column in range(columns):
            axes = figure.add_subplot(len(rows) - 1, columns, row * columns + column + 1)
            axes.plot(before[column].reshape(len(before[column]), -1), color="0.7", linewidth=2)
            axes.plot(after[column].reshape(len(after[column]), -1), linewidth=0.8)
            axes.tick_params(labelsize=6)
            if column == 0:
                axes.set_title(name, fontsize=8, loc="left")
    save(figure, path)
