"""Evaluates a split: every example exactly once; the last batch is padded and masked."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxflow.data.batching.padding import padded_batches
from jaxflow.data.dataset import origins_of, restored_values, shifted_split
from jaxflow.schema import Schema, Split
from jaxflow.training.parallel.dispatch import InFlight
from jaxflow.training.parallel.layout import Layout
from jaxflow.transforms.preprocess import abstract_inputs


def evaluate_split(
    eval_step: Callable[..., Any],
    variables: Any,
    split: Split,
    batch_size: int,
    layout: Layout | None = None,
    *,
    shift: Sequence[float] | None = None,
    on_block: Callable[[dict[str, np.ndarray]], None] | None = None,
    on_batch: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Evaluates a split.

    Args:
      eval_step: (variables, batch) -> (metrics, rows), compiled; `make_eval_step` has what the rows are.
      variables: what the model is evaluated with.
      split: the examples.
      batch_size: rows of a batch, divisible by the devices.
      layout: the devices that `eval_step` is compiled for, where they are those of several processes: each process
        then reads its local rows alone.
      shift: as `Regression.shift`; the targets that the step takes are less it, and predictions in blocks are not.
      on_block: takes the rows of consecutive examples with their "targets", (block, ...) each, a batch at a time and in
        order, on every process alike. None leaves them on the device, which then does not wait for the host.
      on_batch: called as often as there are batches, on every process alike, while no more than about a second's work
        waits for the device; what it raises ends the evaluation.

    Returns:
      Metrics by name.
    """
    gather = layout.gather if layout else jax.device_get
    known = None if on_block is None else split.targets
    totals: dict[str, Any] = {}
    waiting: tuple[int, Any] | None = None
    in_flight = InFlight()

    def block_of(first: int, rows: dict[str, jax.Array]) -> dict[str, np.ndarray]:
        assert known is not None
        targets = known[first : first + batch_size]
        block = {name: values[: len(targets)] for name, values in gather(rows).items()}
        if targets.dtype.kind == "f":
            origins = origins_of(split, np.arange(first, first + len(targets)))
            block["predictions"] = restored_values(block["predictions"], shift, origins)
        return {"targets": targets, **block}

    learned = shifted_split(split, shift)
    for number, batch in enumerate(padded_batches(learned, batch_size, layout and layout.local_rows(batch_size))):
        metrics, rows = eval_step(variables, batch)
        totals = {name: totals[name].merge(metric) if totals else metric for name, metric in metrics.items()}
        in_flight.add(jax.tree.leaves(metrics)[0], 1)
        on_batch()
        if on_block is not None:
            if waiting is not None:
                on_block(block_of(*waiting))  # while the device computes the next batch
            waiting = (number * batch_size, rows)
    if on_block is not None and waiting is not None:
        on_block(block_of(*waiting))
    values = jax.device_get({name: metric.compute() for name, metric in totals.items()})
    return {name: float(value) for name, value in values.items()}


def abstract_batch(schema: Schema, rows: int) -> dict[str, Any]:
    """Returns the shapes and dtypes of a batch as `evaluate_split` passes it on, of `rows` rows."""
    target = schema.target
    return {
        "inputs": abstract_inputs(schema.inputs, rows),
        "targets": jax.ShapeDtypeStruct((rows, *target.shape), target.dtype),
        "weights": jax.ShapeDtypeStruct((rows,), np.float32),
    }
