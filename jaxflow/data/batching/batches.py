"""Training batches built on the host: a pure function of the step, so that any process can build any of them."""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxflow.data.batching.order import ClassIndex, balanced_indices, class_index, epoch_numbers, indices
from jaxflow.schema import Split, map_arrays


@dataclass(frozen=True, eq=False)
class Batches:
    """The batches of a run; `batches(t)` is step t's. Light to send to another process if the split is.

    Attributes:
      split: the training split.
      batch_size: examples in a step, over all processes.
      seed: the run's seed.
      local_rows: the rows of a batch that this process loads; all of them where there is one process.
      sampling: as `Experiment.sampling`.
    """

    split: Split
    batch_size: int
    seed: int
    local_rows: slice
    sampling: Literal["shuffle", "balanced"] = "shuffle"

    @functools.cached_property
    def _classes(self) -> ClassIndex:
        return class_index(self.split.targets)

    def chosen(self, first: int, count: int) -> dict[str, np.ndarray]:
        """Lists the examples of some batches in a row.

        Args:
          first: number of the first batch, from 0.
          count: how many batches.

        Returns:
          Each example's "index" in the split and its "epoch", both (count, local rows) int32.
        """
        if self.sampling == "balanced":
            index, epoch = balanced_indices(first * self.batch_size, count * self.batch_size, self._classes, self.seed)
            chosen = {"index": index, "epoch": epoch}
            return {name: leaf.reshape(count, -1)[:, self.local_rows] for name, leaf in chosen.items()}
        size = len(self.split)
        whole = np.stack([indices(first + step, size, self.batch_size, self.seed) for step in range(count)])
        epoch = epoch_numbers(first, count, size, self.batch_size)
        return {"index": whole[:, self.local_rows], "epoch": epoch[:, self.local_rows]}

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Builds one batch.

        Args:
          step: training step, from 0.

        Returns:
          The rows of the split, and "index" and "epoch", each (1, local rows, ...).
        """
        chosen = self.chosen(step, 1)
        rows = self.split.rows(chosen["index"][0])
        return map_arrays(lambda leaf: leaf[None], rows) | chosen  # (row, ...) -> (1, row, ...)
