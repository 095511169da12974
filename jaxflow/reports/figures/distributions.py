"""Figures of a dataset: targets, examples, distributions, the effect of augmentations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.describe import class_counts
from jaxflow.data.profiling.features import feature_names
from jaxflow.data.profiling.sample import Sample
from jaxflow.reports.figures.masks import display_images
from jaxflow.reports.figures.plot import MAX_PANELS, bin_edges, save, show_image, spread_evenly

MOST_FEATURES = 24


def targets(dataset: Dataset, path: Path) -> None:
    """Draws the fraction of each class or label, or the distribution of regression targets, in each split.

    Args:
      dataset: the dataset.
      path: PNG file to write.
    """
    names = dataset.schema.target.names
    if dataset.schema.target.kind == "number":
        columns = spread_evenly(len(names), MAX_PANELS)
        figure = Figure(figsize=(4.5 * min(len(columns), 3), 3.2 * -(-len(columns) // 3)), layout="constrained")
        parts = {split: part.targets.astype(np.float64) for split, part in dataset.splits.items()}
        for position, column in enumerate(columns, 1):
            axes = figure.add_subplot(-(-len(columns) // 3), min(len(columns), 3), position)
            edges = bin_edges([part[:, column] for part in parts.values()], bins=40)
            for split, part in parts.items():
                axes.hist(part[:, column], bins=edges, density=True, histtype="step", label=split)
            axes.set_xlabel(names[column])
            axes.legend()
        save(figure, path)
        return
    splits = dataset.splits.items()
    if dataset.schema.target.kind == "labels":
        panels = [("", names, {split: (part.targets == 1).mean(0) for split, part in splits})]
    elif dataset.schema.target.kind == "classes":
        panels = [
            (name, classes, {split: _fractions(part.targets[:, column], len(classes)) for split, part in splits})
            for column, (name, classes) in enumerate(dataset.schema.target.choices.items())
        ]
    else:
        counts = {split: class_counts(dataset, part) for split, part in splits}
        panels = [("", names, {split: count / count.sum() for split, count in counts.items()})]
    most = max(len(classes) for _, classes, _ in panels)
    figure = Figure(figsize=(max(5, 0.45 * most + 2), 3.4 * len(panels)), layout="constrained")
    for position, (name, classes, fractions) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, position)
        axes.set_title(name, fontsize=9)
        _bars(axes, classes, fractions)
    save(figure, path)


def _fractions(labels: np.ndarray, classes: int) -> np.ndarray:
    counts = np.bincount(labels[labels >= 0], minlength=classes)
    return counts / counts.sum()


def _bars(axes: Any, names: Sequence[str], fractions: Mapping[str, np.ndarray]) -> None:
    """Draws a fraction of each split for each name, the splits side by side."""
    width = 0.8 / len(fractions)
    for number, (split, heights) in enumerate(fractions.items()):
        axes.bar(np.arange(len(names)) + number * width, heights, width, label=split)
    if len(names) <= 40:
        axes.set_xticks(np.arange(len(names)) + 0.4 - width / 2, names, rotation=45 if len(names) > 5 else 0)
    axes.set_ylabel("fraction of the split")
    axes.margins(y=0.2)  # room for the legend
    axes.legend(ncols=len(fractions), loc="upper center", fontsize=8)


def contact_sheet(dataset: Dataset, sample: Sample, path: Path, columns: int = 8, max_rows: int = 12) -> None:
    """Draws some training images, one row for each class if the target is a class.

    Args:
      dataset: images.
      sample: of the training split.
      path: PNG file to write.
      columns: images in a row.
      max_rows: rows that are drawn at most.
    """
    names = dataset.schema.target.names[:max_rows]
    if dataset.schema.target.kind == "class":
        rows = [(name, np.flatnonzero(sample.targets == label)[:columns]) for label, name in enumerate(names)]
    else:
        rows = [("", part) for part in np.array_split(np.arange(min(4 * columns, len(sample.inputs))), 4)]
    figure = Figure(figsize=(1.1 * columns, 1.15 * len(rows)), layout="constrained")
    for row, (name, chosen) in enumerate(rows):
        for column, index in enumerate(chosen):
            axes = figure.add_subplot(len(rows), columns, row * columns + column + 1)
            show_image(axes, display_images(sample.inputs[index : index + 1])[0])
            if column == 0:
                axes.set_title(name, fontsize=8, loc="left")
    save(figure, path)


def distributions(names: Sequence[str], samples: Mapping[str, Sample], path: Path) -> None:
    """Draws the distribution of each feature of vectors, or of each channel of images, in each split.

    Args:
      names: names of the features or channels, the last axis of the inputs.
      samples: by split.
      path: PNG file to write.
    """
    shown = min(len(names), MOST_FEATURES)
    columns = min(4, shown)
    rows = -(-shown // columns)
    figure = Figure(figsize=(2.6 * columns, 2.0 * rows), layout="constrained")
    for index in range(shown):
        axes = figure.add_subplot(rows, columns, index + 1)
        values = [sample.inputs[..., index].ravel().astype(np.float64) for sample in samples.values()]
        edges = bin_edges(values, bins=30)
        for split, part in zip(samples, values):
            axes.hist(part, bins=edges, density=True, histtype="step", label=split)
        axes.set_title(names[index], fontsize=8)
        axes.tick_params(labelsize=6)
        axes.set_yticks([])
    figure.axes[0].legend(fontsize=6)
    save(figure, path)


def correlation(dataset: Dataset, sample: Sample, path: Path) -> None:
    """Draws the correlations of features of vectors.

    Args:
      dataset: vectors.
      sample: of the training split.
      path: PNG file to write.
    """
    varied = np.flatnonzero(sample.inputs.std(0) > 0)[:MOST_FEATURES]
    names = [feature_names(dataset)[index] for index in varied]
    figure = Figure(figsize=(0.3 * len(names) + 3, 0.3 * len(names) + 2.4), layout="constrained")
    axes = figure.add_subplot()
    values = np.atleast_2d(np.corrcoef(sample.inputs[:, varied].T.astype(np.float64)))
    image = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    figure.colorbar(image)
    save(figure, path)


def before_and_after(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Draws the same images before and after augmentations.

    Args:
      rows: a name and (images, height, width, channel) float images in each row; the range of the first is shown.
      path: PNG file to write.
    """
    low, high = rows[0][1].min(), rows[0][1].max()
    columns = len(rows[0][1])
    figure = Figure(figsize=(1.2 * columns, 1.35 * len(rows)), layout="constrained")
    for row, (name, images) in enumerate(rows):
        for column, image in enumerate(images):
            axes = figure.add_subplot(len(rows), columns, row * columns + column + 1)
            show_image(axes, np.clip((image - low) / max(high - low, 1e-6), 0, 1))
            if column == 0:
                axes.set_title(name, fontsize=8, loc="left")
    save(figure, path)
