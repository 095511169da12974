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
from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.masks import display_images
from jaxflow.reports.figures.plot import (
    MAX_NAMES,
    MAX_PANELS,
    bars,
    bin_edges,
    colour_of,
    legend,
    save,
    show_image,
    spread_evenly,
    thin,
)
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, percent

MOST_FEATURES, MOST_PAIRS, MOST_CLASSES = 24, 10, 200
TARGETS = "What is to be predicted"
AUGMENTATIONS = "Augmentations, each by itself"
# Columns of a table of numbers by split.
SUMMARY = ("", "split", "mean", "deviation", "least", "most")


def targets(dataset: Dataset, path: Path) -> Drawing:
    """Draws the fraction of each class or label, or the distribution of regression targets, in each split.

    Args:
      dataset: the dataset.
      path: SVG file to write.
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
                axes.hist(
                    part[:, column], bins=edges, density=True, histtype="step", label=split, color=colour_of(split)
                )
            axes.set_xlabel(names[column])
            axes.set_ylabel("density")
            thin(axes)
        legend(figure)
        save(figure, path)
        rows = [[names[i], split, *_summary(part[:, i])] for i in columns for split, part in parts.items()]
        return Drawing(TARGETS, path, f"Histograms of each split: {_told(rows)}", Table("Targets", SUMMARY, rows))
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
    panels = [_most_frequent(*panel) for panel in panels]
    most = max(len(classes) for _, classes, _ in panels)
    figure = Figure(figsize=(min(max(5, 0.45 * most + 2), 16), 3.4 * len(panels)), layout="constrained")
    for position, (name, classes, fractions) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, position)
        axes.set_title(name, fontsize=9)
        _bars(axes, classes, fractions)
    legend(figure)
    save(figure, path)
    rows = [
        [f"{name} {each}".strip(), *(percent(float(of[place]), 10_000) for of in fractions.values())]
        for name, classes, fractions in panels
        for place, each in enumerate(classes)
    ]
    table = Table("Fraction of each split", ("class", *dataset.splits), rows)
    alt = f"Bars of {len(rows)} classes by split; of training {', '.join(f'{row[0]} {row[1]}' for row in rows[:12])}"
    return Drawing(TARGETS, path, alt, table)


def _most_frequent(
    name: str, classes: Sequence[str], fractions: Mapping[str, np.ndarray]
) -> tuple[str, list[str], dict[str, np.ndarray]]:
    """Returns a panel with the classes that are most frequent in training, in their order, where there are many."""
    chosen = np.sort(np.argsort(-next(iter(fractions.values())), kind="stable")[:MOST_CLASSES])
    return name, [classes[place] for place in chosen], {split: of[chosen] for split, of in fractions.items()}


def _fractions(labels: np.ndarray, classes: int) -> np.ndarray:
    counts = np.bincount(labels[labels >= 0], minlength=classes)
    return counts / counts.sum()


def _bars(axes: Any, names: Sequence[str], fractions: Mapping[str, np.ndarray]) -> None:
    """Draws a fraction of each split for each name, the splits side by side."""
    width = 0.8 / len(fractions)
    for number, (split, heights) in enumerate(fractions.items()):
        axes.bar(np.arange(len(names)) + number * width, heights, width, label=split, color=colour_of(split))
    if len(names) <= 40:
        axes.set_xticks(np.arange(len(names)) + 0.4 - width / 2, names, rotation=45 if len(names) > 5 else 0)
    axes.set_ylabel("fraction of the split")
    thin(axes)


def contact_sheet(dataset: Dataset, sample: Sample, path: Path, columns: int = 8, max_rows: int = 12) -> Drawing:
    """Draws some training images, one row for each class if the target is a class.

    Args:
      dataset: images.
      sample: of the training split.
      path: SVG file to write.
      columns: images in a row.
      max_rows: rows that are drawn at most.
    """
    names = dataset.schema.target.names[:max_rows]
    if dataset.schema.target.kind == "class" and not dataset.schema.target.dense_shape:
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
    shown = ", ".join(f"{len(chosen)} of {name}" if name else str(len(chosen)) for name, chosen in rows)
    return Drawing("Examples of the training split", path, f"Rows of training images: {shown}")


def distributions(groups: Mapping[str, Mapping[str, int]], samples: Mapping[str, Sample], path: Path) -> Drawing:
    """Draws the distribution of each feature of vectors, or of each channel of images, in each split.

    Args:
      groups: by the name of a panel, the indices of its features or channels in the last axis of the inputs: one, or
        by category those of a column, of which an example has one.
      samples: by split.
      path: SVG file to write.
    """
    shown = list(groups.items())[:MOST_FEATURES]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.0 * rows + 0.3), layout="constrained")
    numbers: list[list[str]] = []
    shares: list[list[str]] = []
    for position, (name, indices) in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, position)
        values = {split: sample.inputs[..., [*indices.values()]] for split, sample in samples.items()}
        if list(indices) == [""]:
            edges = bin_edges([part.ravel().astype(np.float64) for part in values.values()], bins=30)
            for split, part in values.items():
                flat = part.ravel().astype(np.float64)
                axes.hist(flat, bins=edges, density=True, histtype="step", label=split, color=colour_of(split))
                numbers.append([name, split, *_summary(flat)])
            axes.set_yticks([])
        else:
            flat = {split: part.reshape(-1, len(indices)) for split, part in values.items()}  # (row, category)
            common = np.argsort(-flat["train"].mean(0), kind="stable")[:MAX_NAMES]
            parts = {split: part.mean(0)[common] for split, part in flat.items()}
            bars(axes, [[*indices][at] for at in common], parts)
            for split, part in parts.items():
                shares += [
                    [f"{name} = {[*indices][at]}", split, percent(float(x), 10_000)] for at, x in zip(common, part)
                ]
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
    legend(figure)
    save(figure, path)
    table = Table("Distributions", SUMMARY, numbers)
    if not numbers:
        table = Table("Fraction of each split", ("column", "split", "fraction"), shares)
    alt = f"Distributions of {', '.join(name for name, _ in shown)} in each split: {_told(table.rows)}"
    return Drawing("Distributions", path, alt, table)


def correlation(dataset: Dataset, sample: Sample, path: Path) -> Drawing:
    """Draws the correlations of features of vectors.

    Args:
      dataset: vectors.
      sample: of the training split.
      path: SVG file to write.
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
    pairs = sorted(zip(*np.triu_indices(len(names), 1)), key=lambda pair: -abs(values[pair]))[:MOST_PAIRS]
    strongest = [[names[one], names[other], f"{values[one, other]:.2f}"] for one, other in pairs]
    told = "; ".join(f"{one} and {other} {value}" for one, other, value in strongest[:3])
    table = Table("The strongest correlations", ("feature", "with", "correlation"), strongest) if strongest else None
    alt = f"Correlations of {len(names)} features" + (f", the strongest {told}" if told else "")
    return Drawing("Correlations between features", path, alt, table)


def before_and_after(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> Drawing:
    """Draws the same images before and after augmentations.

    Args:
      rows: a name and (images, height, width, channel) float images in each row; the range of the first is shown.
      path: SVG file to write.
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
    return augmentations(rows, path)


def augmentations(rows: Sequence[tuple[Any, ...]], path: Path) -> Drawing:
    """Returns the figure of rows of examples, the first as they are and each other after one augmentation."""
    names = ", ".join(name for name, *_ in rows[1:])
    return Drawing(AUGMENTATIONS, path, f"The same examples as they are and after {names}")


def _summary(values: np.ndarray) -> list[str]:
    return [exact(float(number)) for number in (values.mean(), values.std(), values.min(), values.max())]


def _told(rows: Sequence[Sequence[str]]) -> str:
    """Returns the first rows of a summary in words."""
    said = (f"{name} {split} {'mean ' if more else ''}{value}" for name, split, value, *more in rows[:6])
    return ", ".join(said)
