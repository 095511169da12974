"""How training batches reach the step: gathered on a device that holds the whole split, or on the host."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxflow.data.dataset import Split
from jaxflow.data.order import indices
from jaxflow.experiment import Experiment
from jaxflow.training.parallel import Layout


@dataclass(frozen=True)
class Feed:
    """Everything that turns a step number into the step's batch.

    Attributes:
      resident: arrays that stay on every device; () where batches come from the host.
      item: step number -> what is sent to the devices for it, batch axis first.
      fetch: (resident, item) -> batch; pure, runs inside the step.
    """

    resident: Any
    item: Callable[[int], Any]
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

    def chosen(step: int) -> np.ndarray:
        return indices(step, len(split), experiment.batch_size, experiment.seed)

    if experiment.feed == "device" or (experiment.feed == "auto" and split.nbytes <= _room(layout.devices[0])):
        resident = layout.replicate(split.rows(np.arange(len(split))))
        return Feed(resident, chosen, lambda arrays, rows: jax.tree.map(lambda leaf: leaf[rows], arrays))
    return Feed((), lambda step: split.rows(chosen(step)), lambda _, batch: batch)


def _room(device: jax.Device) -> int:
    """Counts the bytes of a device that a resident split may take."""
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return (stats["bytes_limit"] - stats.get("bytes_in_use", 0)) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
