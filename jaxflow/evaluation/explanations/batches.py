"""Calls a model with many rows, some at a time: batches of one size, so that it is compiled once."""

from collections.abc import Callable

import numpy as np

from jaxflow.data.batching.padding import pad


def in_batches(predict: Callable[[np.ndarray], object], inputs: np.ndarray, batch_size: int) -> np.ndarray:
    """Returns what a model answers to rows, (rows, ...).

    Args:
      predict: (batch, ...) inputs -> (batch, ...) outputs, each row of which depends on its own input alone.
      inputs: (rows, ...), at least one.
      batch_size: rows of a batch, at most; the last one is padded.
    """
    size = min(batch_size, len(inputs))
    parts = [
        np.asarray(predict(pad({"inputs": inputs[first : first + size]}, size)["inputs"]))
        for first in range(0, len(inputs), size)
    ]
    return np.concatenate(parts)[: len(inputs)]
