"""One pass over a split: every example exactly once, the last batch padded and masked."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxflow.data.batching.padding import padded_batches
from jaxflow.schema import Split
from jaxflow.training.parallel.layout import Layout


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
    for batch in padded_batches(split, batch_size, layout and layout.local_rows(batch_size)):
        metrics, predicted = eval_step(variables, batch)
        totals = {name: totals[name].merge(m) if totals else m for name, m in metrics.items()}
        predictions.append(predicted)
    values = jax.device_get({name: metric.compute() for name, metric in totals.items()})
    rows = np.concatenate((layout.gather if layout else jax.device_get)(predictions))[: len(split)]
    return {name: float(value) for name, value in values.items()}, rows
