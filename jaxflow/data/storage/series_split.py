"""Windows of a time series, and the values that follow them."""

from dataclasses import dataclass

import numpy as np

from jaxflow.data.dataset import ArraySplit
from jaxflow.data.storage.mapped import Mapped


@dataclass(frozen=True, eq=False)
class SeriesSplit(Mapped):
    """A split whose windows are copied out of the series when a batch is built.

    Attributes:
      values: (rows, columns) float32, the whole series.
      times: (rows,) ascending.
      starts: (examples,) int64, the row where each window starts.
      length: rows of a window that are inputs.
      horizon: rows after them, of whose first column the target is.
    """

    values: np.ndarray
    times: np.ndarray
    starts: np.ndarray
    length: int
    horizon: int

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Copies the windows at `indices`: {"inputs": (batch, length, columns), "targets": (batch, horizon)}."""
        windows = np.lib.stride_tricks.sliding_window_view(self.values, self.length, axis=0)  # (start, column, row)
        inputs = windows[self.starts[indices]].transpose(0, 2, 1)  # (window, row, column)
        return {"inputs": inputs, "targets": self._targets(self.starts[indices])}

    def id(self, index: int) -> str:
        """Returns the time of the first row that a window predicts."""
        return str(self.times[self.starts[index] + self.length])

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, horizon)."""
        return self._targets(self.starts)

    @property
    def nbytes(self) -> int:
        """Size that all windows would have in memory, in bytes."""
        return len(self) * (self.length * self.values.shape[1] + self.horizon) * self.values.itemsize

    def read(self) -> ArraySplit:
        """Copies all windows into memory."""
        everything = np.arange(len(self))
        return ArraySplit(**self.rows(everything), ids=[self.id(index) for index in everything])

    def _targets(self, starts: np.ndarray) -> np.ndarray:
        return self.values[starts[:, None] + self.length + np.arange(self.horizon), 0]
