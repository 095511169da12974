"""Batches of one size: the last one is padded and masked."""

from collections.abc import Iterator

import jax
import numpy as np

from jaxflow.schema import Split


def padded_batches(split: Split, batch_size: int, own: slice | None = None) -> Iterator[dict[str, np.ndarray]]:
    """Cuts a split into batches of one size, in order.

    Args:
      split: any split.
      batch_size: rows of every batch.
      own: which of them are wanted; None for all.

    Yields:
      Batches with "weights": 1 for examples, 0 for the rows that fill up the last batch.
    """
    rows = np.arange(batch_size)[own or slice(None)]
    for first in range(0, len(split), batch_size):
        there = first + rows[first + rows < len(split)]
        yield pad(split.rows(there), len(rows))


def pad(batch: dict[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """Fills a batch up with rows of zeros, and adds the weights that mask them."""
    rows = len(batch["inputs"])
    batch = batch | {"weights": np.ones(rows, np.float32)}

    def fill(leaf: np.ndarray) -> np.ndarray:
        return np.concatenate([leaf, np.zeros((batch_size - rows, *leaf.shape[1:]), leaf.dtype)])

    return batch if rows == batch_size else jax.tree.map(fill, batch)
