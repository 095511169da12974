"""Batches of one size: the last one is padded and masked."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxflow.schema import Split


def padded_batches(split: Split, batch_size: int, local_rows: slice | None = None) -> Iterator[dict[str, np.ndarray]]:
    """Divides a split into batches of one size, in order.

    Args:
      split: any split.
      batch_size: rows of every batch.
      local_rows: those that this process loads; None for all.

    Yields:
      Batches with "weights": 1 for examples, 0 for the padding of the last batch.
    """
    rows = np.arange(batch_size)[local_rows or slice(None)]
    for first in range(0, len(split), batch_size):
        present = first + rows[first + rows < len(split)]
        yield pad(split.rows(present), len(rows))


def pad(batch: dict[str, Any], batch_size: int) -> dict[str, Any]:
    """Pads a batch with rows of zeros, and adds the weights that mask them.

    Args:
      batch: arrays, or dicts of arrays, batch axis first.
      batch_size: rows of the result, as many as the batch has or more.

    Returns:
      The batch with "weights", (batch_size,) float32: 1 for examples, 0 for padding.
    """
    rows = _count_rows(batch)
    return _pad_rows(batch | {"weights": np.ones(rows, np.float32)}, batch_size - rows)


def _count_rows(tree: Any) -> int:
    return _count_rows(next(iter(tree.values()))) if isinstance(tree, Mapping) else len(tree)


def _pad_rows(tree: Any, count: int) -> Any:
    if isinstance(tree, Mapping):
        return {name: _pad_rows(part, count) for name, part in tree.items()}
    return np.concatenate([tree, np.zeros((count, *tree.shape[1:]), tree.dtype)]) if count else tree
