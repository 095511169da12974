"""Figures of images and volumes with masks: examples in colours, truth beside prediction, overlap by class."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxflow.reports.figures.plot import save, show_image

# Rows of a figure, and how much of a picture shows through its mask.
MAX_EXAMPLES, THROUGH = 6, 0.5


def shaded(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Lays masks over pictures, in a colour for each class; void places stay as they are.

    Args:
      images: (examples, height, width, channel) float, 0 to 1.
      masks: (examples, height, width) integers.

    Returns:
      (examples, height, width, 3) float.
    """
    pictures = images[..., :3] if images.shape[-1] >= 3 else np.repeat(images[..., :1], 3, axis=-1)
    over = THROUGH * pictures + (1 - THROUGH) * _colours()[masks % len(_colours())]
    return np.where((masks >= 0)[..., None], over, pictures)


def pictures_of(inputs: np.ndarray) -> np.ndarray:
    """Makes pictures of images or volumes: of volumes the slice in the middle, its values from 0 to 1.

    Args:
      inputs: (examples, height, width, channel), or (examples, depth, height, width, channel) of any range.

    Returns:
      (examples, height, width, channel) float, 0 to 1.
    """
    inputs = middle(inputs, volumes=inputs.ndim == 5)
    if inputs.dtype == np.uint8:
        return inputs / 255.0
    low, high = np.quantile(inputs, (0.01, 0.99), axis=(1, 2, 3), keepdims=True)
    return np.clip((inputs - low) / np.maximum(high - low, 1e-6), 0, 1)


def middle(arrays: np.ndarray, volumes: bool) -> np.ndarray:
    """Takes the slice in the middle of volumes, (examples, depth, ...) -> (examples, ...); images stay."""
    return arrays[:, arrays.shape[1] // 2] if volumes else arrays


def examples(
    inputs: np.ndarray, masks: Sequence[np.ndarray], titles: Sequence[str], names: Sequence[str], path: Path
) -> None:
    """Draws pictures, each as it is and under one mask or more.

    Args:
      inputs: (examples, *places, channel); the first MAX_EXAMPLES are drawn.
      masks: (examples, *places) integers each.
      titles: of the masks.
      names: of the classes.
      path: PNG file to write.
    """
    pictures = pictures_of(inputs[:MAX_EXAMPLES])
    flat = [middle(mask[:MAX_EXAMPLES], volumes=inputs.ndim == 5) for mask in masks]
    columns = [("", pictures), *((title, shaded(pictures, mask)) for title, mask in zip(titles, flat))]
    height, width = pictures.shape[1:3]
    size = (3.2 * len(columns) + 1.6, 3.2 * len(pictures) * height / width)
    figure = Figure(figsize=size, layout="constrained")
    for row in range(len(pictures)):
        for column, (title, shown) in enumerate(columns):
            axes = figure.add_subplot(len(pictures), len(columns), row * len(columns) + column + 1)
            show_image(axes, shown[row])
            if row == 0:
                axes.set_title(title, fontsize=9)
    there = [label for label in range(len(names)) if any((mask == label).any() for mask in flat)]
    colours = _colours()
    patches = [Patch(color=colours[label % len(colours)], label=names[label]) for label in there]
    figure.legend(handles=patches, loc="outside right upper", fontsize=8)
    save(figure, path)


def overlaps(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws the intersection over union of each class that is present or predicted.

    Args:
      counts: (classes, classes) pixels by true and predicted class.
      names: of the classes.
      path: PNG file to write.
    """
    both, either = counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal()
    scores = {name: both[label] / either[label] for label, name in enumerate(names) if either[label]}
    figure = Figure(figsize=(6, 0.32 * len(scores) + 1), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(scores), list(scores.values()))
    axes.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
    axes.set_xlim(0, 1.08)
    axes.invert_yaxis()
    axes.set_xlabel("intersection over union")
    save(figure, path)


def _colours() -> np.ndarray:
    return np.array(matplotlib.colormaps["tab20"].colors)
