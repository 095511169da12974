"""One pass over a split: every example exactly once, the last batch padded and masked."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxflow.schema import Split
from jaxflow.training.parallel import Layout


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


def evaluate_split(
    eval_step: Callable[..., Any], variables: Any, split: Split, batch_size: int, layout: Layout | None = None
) -> tuple[dict[str, float], np.ndarray]:
    """Evaluates a split.

    Args:
      eval_step: (variables, batch) -> (metrics, predictions), compiled.
      variables: what the model is evaluated with.
      split: the examples.
      batch_size: rows of a batch, divisible by the devices.
      layout: the devices that `eval_step` is compiled for, where they are those of several processes: each process
        then reads its own rows alone.

    Returns:
      Metrics by name, and the predictions of all examples, (examples, ...), in order.
    """
    totals: dict[str, Any] = {}
    predictions = []
    for batch in padded_batches(split, batch_size, layout and layout.own(batch_size)):
        metrics, predicted = eval_step(variables, batch)
        totals = {name: totals[name].merge(m) if totals else m for name, m in metrics.items()}
        predictions.append(predicted)
    values = jax.device_get({name: metric.compute() for name, metric in totals.items()})
    rows = np.concatenate((layout.gather if layout else jax.device_get)(predictions))[: len(split)]
    return {name: float(value) for name, value in values.items()}, rows
