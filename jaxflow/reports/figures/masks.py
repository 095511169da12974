"""Figures of images and volumes: examples under their masks, in colours, and beside their reconstructions."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import colour_of, save, show_image, thin

# Rows of a figure, and how much of an image shows through its mask.
MAX_EXAMPLES, TRANSPARENCY = 6, 0.5


def shaded(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Overlays masks on images, in a colour for each class; ignored pixels keep the image.

    Args:
      images: (examples, height, width, channel) float, 0 to 1.
      masks: (examples, height, width) integers.

    Returns:
      (examples, height, width, 3) float.
    """
    colors = images[..., :3] if images.shape[-1] >= 3 else np.repeat(images[..., :1], 3, axis=-1)
    over = TRANSPARENCY * colors + (1 - TRANSPARENCY) * _colours()[masks % len(_colours())]
    return np.where((masks >= 0)[..., None], over, colors)


def display_images(inputs: np.ndarray) -> np.ndarray:
    """Scales images, or the middle slices of volumes, to values from 0 to 1.

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
    """Returns the middle slices of volumes, (examples, depth, ...) -> (examples, ...); images as they are."""
    return arrays[:, arrays.shape[1] // 2] if volumes else arrays


def examples(
    inputs: np.ndarray, masks: Sequence[np.ndarray], titles: Sequence[str], names: Sequence[str], path: Path
) -> None:
    """Draws images, each as it is and under one mask or more.

    Args:
      inputs: (examples, *spatial, channel); the first MAX_EXAMPLES are drawn.
      masks: (examples, *spatial) integers each.
      titles: of the masks.
      names: of the classes.
      path: SVG file to write.
    """
    images = display_images(inputs[:MAX_EXAMPLES])
    flat = [middle(mask[:MAX_EXAMPLES], volumes=inputs.ndim == 5) for mask in masks]
    columns = [("", images), *((title, shaded(images, mask)) for title, mask in zip(titles, flat))]
    height, width = images.shape[1:3]
    size = (2.6 * len(columns) + 1.6, 2.6 * len(images) * height / width)
    figure = Figure(figsize=size, layout="constrained")
    for row in range(len(images)):
        for column, (title, shown) in enumerate(columns):
            axes = figure.add_subplot(len(images), len(columns), row * len(columns) + column + 1)
            show_image(axes, shown[row])
            if row == 0:
                axes.set_title(title, fontsize=9)
    present = [label for label in range(len(names)) if any((mask == label).any() for mask in flat)]
    colours = _colours()
    patches = [Patch(color=colours[label % len(colours)], label=names[label]) for label in present]
    figure.legend(handles=patches, loc="outside right upper", fontsize=8)
    save(figure, path)


def reconstruction_pairs(inputs: np.ndarray, made: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws inputs beside their reconstructions: images, middle slices of volumes, or lines of anything else.

    Args:
      inputs: (examples, ...) as the model sees them.
      made: likewise, the reconstructions.
      names: what is said of each example.
      path: SVG file to write.
    """
    figure = Figure(figsize=(6.4, 2.2 * len(inputs)), layout="constrained")
    drawn = figure.subplots(len(inputs), 2, squeeze=False)
    for row, (pair, name) in enumerate(zip(zip(inputs, made), names)):
        low, high = np.quantile(pair[0], (0.01, 0.99))  # both on the input's scale, so that they compare
        for axes, array in zip(drawn[row], pair):
            if array.ndim < 3:
                axes.plot(array if array.ndim == 1 else array[:, 0], linewidth=0.6, color=colour_of("test"))
                thin(axes)
            else:
                image = middle(array[None], volumes=array.ndim == 4)[0]
                show_image(axes, np.clip((image - low) / max(high - low, 1e-6), 0, 1))
        drawn[row][0].set_title(f"{name}, input", fontsize=8)
        drawn[row][1].set_title("reconstruction", fontsize=8)
    save(figure, path)
    alt = f"{len(inputs)} inputs beside their reconstructions, with the error of each: {'; '.join(names)}"
    return Drawing("Inputs and their reconstructions", path, alt)


def _colours() -> np.ndarray:
    return np.array(matplotlib.colormaps["tab20"].colors)
