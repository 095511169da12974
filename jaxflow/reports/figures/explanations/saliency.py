"""Pictures beside what a model looks at in them, and texts with marks of it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from jaxflow.reports.svg import SPLIT_COLOURS

# What speaks for an answer, and against it: told apart without colours too, since one is warm and light.
FOR, AGAINST = "#d9822b", SPLIT_COLOURS["train"]
# Pixels across two small pictures, at least about: enlarged by whole factors, their pixels are seen.
MIN_PAIR = 240
# Of the largest of an example: what is as strong as that is marked 1, 2 and 3.
STRENGTHS = (0.15, 0.4, 0.7)


def beside_map(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns a picture, and beside it in grey with what speaks for the answer in orange and against it in blue.

    Args:
      image: (height, width, channel) float, 0 to 1.
      values: (rows, columns) attributions of parts of the picture, which they divide evenly.

    Returns:
      (height, width of both, 3) float, 0 to 1; small ones are enlarged.
    """
    colours = image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
    rows = np.arange(image.shape[0]) * values.shape[0] // image.shape[0]
    columns = np.arange(image.shape[1]) * values.shape[1] // image.shape[1]
    spread = values[rows[:, None], columns[None]]
    strongest = np.quantile(np.abs(spread), 0.99) or np.abs(spread).max() or 1.0
    opacity = np.clip(np.abs(spread) / strongest, 0, 1)[..., None]
    marked = np.where(spread[..., None] > 0, np.array(to_rgb(FOR)), np.array(to_rgb(AGAINST)))
    faint = 0.72 + 0.24 * colours.mean(-1, keepdims=True)
    gap = np.ones((len(image), max(1, image.shape[1] // 24), 3))
    both = np.concatenate([colours, gap, (1 - opacity) * faint + opacity * marked], 1)
    factor = max(1, MIN_PAIR // both.shape[1])
    return both.repeat(factor, 0).repeat(factor, 1)


def concentration(values: np.ndarray) -> float:
    """Returns the smallest share of the parts that holds half of all attribution, by size."""
    sizes = np.sort(np.abs(values).ravel())[::-1]
    total = sizes.cumsum()
    return float((np.searchsorted(total, total[-1] / 2) + 1) / len(sizes)) if total[-1] > 0 else 1.0


def strengths(values: np.ndarray) -> list[int]:
    """Returns how strongly each value is marked, -3 to 3, against the largest of them."""
    largest = np.abs(values).max(initial=0.0) or 1.0
    levels = np.searchsorted(STRENGTHS, np.abs(values) / largest, side="right")
    return (levels * np.sign(values)).astype(int).tolist()


def joined_parts(pieces: Sequence[str], marks: Sequence[int]) -> list[tuple[str, int]]:
    """Returns the pieces of a text with neighbours of one mark joined."""
    parts: list[tuple[str, int]] = []
    for piece, mark in zip(pieces, marks):
        if parts and parts[-1][1] == mark:
            parts[-1] = (parts[-1][0] + piece, mark)
        else:
            parts.append((piece, mark))
    return parts
