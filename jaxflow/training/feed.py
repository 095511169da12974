"""How training batches reach the step: gathered on a device that holds the whole split, or on the host."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxflow.data.dataset import Split
from jaxflow.data.order import epochs_of, indices
from jaxflow.experiment import Experiment
from jaxflow.processes import agreed
from jaxflow.training.parallel import Layout

# Steps that may be dispatched at once where the host sends only indices.
MOST_STEPS = 64


@dataclass(frozen=True)
class Feed:
    """Everything that turns step numbers into the steps' batches.

    Attributes:
      resident: arrays that stay on every device; () where batches come from the host.
      most: how many steps can be sent at once.
      items: (first step, count) -> what is sent to the devices for `count` steps, (most, batch, ...); on several
        processes each one's own rows of the batches.
      fetch: (resident, item of one step) -> batch; pure, runs inside the step. Beside what the split holds a batch has
        each example's "index" in the split and its "epoch", both (batch,) int32.
    """

    resident: Any
    most: int
    items: Callable[[int, int], Any]
    fetch: Callable[[Any, Any], dict[str, jax.Array]]


def make_feed(split: Split, experiment: Experiment, layout: Layout) -> Feed:
    """Chooses the fastest way that the split fits; every way serves the same batches.

    Args:
      split: the training split.
      experiment: says batch size, seed and `feed`.
      layout: the devices.

    Returns:
      The feed.
    """
    size, batch_size = len(split), experiment.batch_size
    own = layout.own(batch_size)

    def chosen(step: int) -> np.ndarray:
        return indices(step, size, batch_size, experiment.seed)[own]

    def epochs(step: int, steps: int) -> np.ndarray:
        return epochs_of(step, steps, size, batch_size)[:, own]

    if experiment.feed == "device" or (experiment.feed == "auto" and agreed(split.nbytes <= _room(layout.device))):
        resident = layout.replicate(split.rows(np.arange(size)))

        def many(first: int, count: int) -> dict[str, np.ndarray]:
            items = {name: np.zeros((MOST_STEPS, own.stop - own.start), np.int32) for name in ("index", "epoch")}
            for position in range(count):
                items["index"][position] = chosen(first + position)
            items["epoch"][:count] = epochs(first, count)
            return items

        def gather(arrays: Any, item: dict[str, jax.Array]) -> dict[str, jax.Array]:
            return jax.tree.map(lambda leaf: leaf[item["index"]], arrays) | item

        return Feed(resident, MOST_STEPS, many, gather)

    def one(step: int) -> dict[str, Any]:
        rows = chosen(step)
        # (1, batch, ...)
        batch = {name: leaf[None] for name, leaf in split.rows(rows).items()}
        batch |= {"index": rows[None], "epoch": epochs(step, 1)}
        return batch if layout.axis else jax.device_put(batch, layout.devices[0])

    return Feed((), 1, _ahead(one), lambda _, batch: batch)


def _ahead(make: Callable[[int], Any]) -> Callable[[int, int], Any]:
    """Makes the next step's batch, and sends it, while the device is busy with this one's.

    Args:
      make: step -> its batch; pure, so that a step that is guessed wrong costs nothing but time.

    Returns:
      (first step, count) -> the batch of the first step.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
    coming: dict[int, Future] = {}

    def items(first: int, count: int) -> Any:
        guessed = coming.pop(first, None)
        coming.clear()
        batch = make(first) if guessed is None else guessed.result()
        coming[first + 1] = pool.submit(make, first + 1)
        return batch

    return items


def _room(device: jax.Device) -> int:
    """Counts the bytes of a device that a resident split may take."""
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return (stats["bytes_limit"] - stats.get("bytes_in_use", 0)) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
