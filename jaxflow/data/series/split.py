"""Rows of series, and the windows of a split that are sliced out of them."""

from dataclasses import dataclass

import numpy as np

from jaxflow.data.series.seasons import seasonal_values
from jaxflow.data.storage.mapped import Mapped


@dataclass(frozen=True, eq=False)
class SeriesRows(Mapped):
    """The rows of one series or several, one series after the other, each in the order of time.

    Attributes:
      times: (rows,) datetime64 or int64.
      series: (rows,) int32, the series of each row.
      names: of the series; ("",) where there is one.
      stretches: (rows,) int64, the stretch without gaps that each row lies in.
      features: (rows, features), what windows are sliced out of: float64 where they are taken less their last row.
      values: (rows, targets) float64, what is predicted, in the data's units.
      season: rows of a season of the first target; None where none was found.
    """

    times: np.ndarray
    series: np.ndarray
    names: tuple[str, ...]
    stretches: np.ndarray
    features: np.ndarray
    values: np.ndarray
    season: int | None = None


@dataclass(frozen=True, eq=False)
class SeriesSplit(Mapped):
    """A split whose windows are copied out of the series when a batch is built.

    Attributes:
      series: the rows of the series, those of all splits.
      starts: (examples,) int64, the row where each window starts.
      length: rows of a window that are inputs.
      horizon: rows after them, whose values are the target.
      relative: columns of the features that are taken less their last row in the window.
      from_last: whether targets are learned less the last value before them.
    """

    series: SeriesRows
    starts: np.ndarray
    length: int
    horizon: int
    relative: tuple[int, ...] = ()
    from_last: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Copies the windows at `indices`.

        Returns:
          "inputs", (batch, length, features) float32, and "targets", (batch, targets * horizon) float64, all steps of
          the first target first.
        """
        starts = self.starts[indices]
        inputs = window_inputs(self.series.features, starts, self.length, self.relative)
        return {"inputs": inputs, "targets": self.targets_of(indices)}

    def id(self, index: int) -> str:
        """Returns the time of the first row that a window predicts; of several series, the series before it."""
        row = self.starts[index] + self.length
        return window_name(self.series.names[self.series.series[row]], self.series.times[row])

    @property
    def inputs(self) -> np.ndarray:
        """All windows, (examples, length, features) float32."""
        return window_inputs(self.series.features, self.starts, self.length, self.relative)

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, targets * horizon) float64."""
        return self.targets_of(np.arange(len(self)))

    @property
    def nbytes(self) -> int:
        """Size that all windows would have in memory, in bytes."""
        columns, targets = self.series.features.shape[1], self.series.values.shape[1]
        return len(self) * (self.length * columns + self.horizon * targets) * 4

    @property
    def in_memory(self) -> bool:
        """Whether the series lies in memory, so that its windows may be copied to a device as a whole."""
        return not isinstance(self.series.features, np.memmap)

    def origins(self, indices: np.ndarray) -> np.ndarray | None:
        """Returns the last value before each target, (batch, targets * horizon); None where targets are not less it."""
        return self.last_values(indices) if self.from_last else None

    def last_values(self, indices: np.ndarray) -> np.ndarray:
        """Returns the last value before each target, (batch, targets * horizon) float64."""
        last = self.series.values[self.starts[indices] + self.length - 1]  # (example, target)
        return np.repeat(last, self.horizon, axis=1)

    def training_values(self) -> np.ndarray:
        """Returns the first target's values that the split predicts, of its longest stretch without gaps, (rows,)."""
        ahead = np.unique(self.starts[:, None] + self.length + np.arange(self.horizon))
        stretches = self.series.stretches[ahead]
        return self.series.values[ahead[stretches == np.bincount(stretches).argmax()], 0]

    def naive_forecasts(self) -> dict[str, np.ndarray]:
        """Returns what is predicted without a model, by name, (examples, targets * horizon) float64 each.

        The last value is repeated; where a season was found, so is the last season, or the last value where the series
        does not reach back so far without a gap.
        """
        last = self.last_values(np.arange(len(self)))
        if self.series.season is None:
            return {"last value": last}
        again = seasonal_values(self.series, self.starts + self.length, self.horizon)
        name = f"last season ({self.series.season} rows)"
        return {"last value": last, name: np.where(np.isnan(again), last, again)}

    def targets_of(self, indices: np.ndarray) -> np.ndarray:
        """Returns the targets of the examples at `indices`, (batch, targets * horizon) float64, in the data's units."""
        starts = self.starts[indices]
        ahead = self.series.values[starts[:, None] + self.length + np.arange(self.horizon)]  # (example, step, target)
        return ahead.transpose(0, 2, 1).reshape(len(starts), self.horizon * ahead.shape[2])


def window_inputs(features: np.ndarray, starts: np.ndarray, length: int, relative: tuple[int, ...]) -> np.ndarray:
    """Slices windows out of rows.

    Args:
      features: (rows, features).
      starts: (windows,) the first row of each.
      length: rows of a window.
      relative: columns that are taken less their last row in the window, computed in the features' own precision.

    Returns:
      (windows, length, features) float32.
    """
    views = np.lib.stride_tricks.sliding_window_view(features, length, axis=0)  # (start, feature, row)
    windows = views[starts].transpose(0, 2, 1)  # (window, row, feature)
    if relative:
        columns = list(relative)
        windows[..., columns] -= windows[:, -1:, columns]
    return windows.astype(np.float32, copy=False)


def window_name(series: str, time: np.datetime64 | np.int64) -> str:
    """Returns the name of a window that predicts from a time on: the time, after the series where there are several."""
    return f"{series} {time}" if series else str(time)
