"""Occlusion: how far an answer falls where a part of the input is covered. It needs a model's outputs alone."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxflow.evaluation.explanations.batches import in_batches


def occlusion(
    predict: Callable[[np.ndarray], object],
    inputs: np.ndarray,
    patch: Sequence[int],
    fill: np.ndarray | float = 0.0,
    batch_size: int = 64,
) -> np.ndarray:
    """Returns how far an output falls where each patch of an input is replaced, one after the other.

    Patches tile the input without overlapping; those at the end may be smaller.

    Args:
      predict: (batch, ...) inputs -> (batch,) numbers that are explained, or (batch, outputs), of which each example's
        largest is. Any function does: a compiled model, an exported one, a web service.
      inputs: (examples, ...) of any dtype.
      patch: sizes of a patch along the first axes of an example; along the others it takes all. (4, 4) of an image is a
        square with all channels, (1,) of tokens is one of them.
      fill: what a patch is replaced by, a number or an array of one example's shape, such as the mean input.
      batch_size: rows that `predict` gets at most.

    Returns:
      (examples, *the first len(patch) axes) float32: the fall by each element's patch, negative where covering it
      raises the output.

    Source: M. Zeiler and R. Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (section 4.2).
    """
    sizes = inputs.shape[1 : 1 + len(patch)]
    counts = tuple(-(-size // side) for size, side in zip(sizes, patch))
    cover = np.broadcast_to(np.asarray(fill, inputs.dtype), inputs.shape[1:])
    falls = np.zeros((len(inputs), *sizes), np.float32)
    for example, row in enumerate(inputs):
        copies = np.repeat(row[None], math.prod(counts) + 1, axis=0)  # the last one is left as it is
        where = [tuple(slice(i * side, (i + 1) * side) for i, side in zip(at, patch)) for at in np.ndindex(counts)]
        for number, part in enumerate(where):
            copies[number][part] = cover[part]
        outputs = in_batches(predict, copies, batch_size)
        if outputs.ndim > 1:
            outputs = outputs[:, outputs[-1].argmax()]
        for number, part in enumerate(where):
            falls[example][part] = outputs[-1] - outputs[number]
    return falls
