"""Figures of windows of series, and of vectors before and after augmentations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.series.seasons import autocorrelation
from jaxflow.data.series.split import SeriesSplit
from jaxflow.reports.figures.plot import MAX_PANELS, save, spread_evenly

# Points of a line that spans a figure: more fall on the same pixels.
MAX_POINTS = 4000


def windows(dataset: Dataset, sample: Sample, path: Path, max_windows: int = 6) -> None:
    """Draws some windows, with a dot for each value to predict.

    Args:
      dataset: its inputs are (length, columns).
      sample: of the training split.
      path: PNG file to write.
      max_windows: windows that are drawn at most.
    """
    chosen = np.linspace(0, len(sample.inputs) - 1, min(max_windows, len(sample.inputs))).astype(int)
    figure = Figure(figsize=(10, 2.2 * -(-len(chosen) // 3)), layout="constrained")
    length = sample.inputs.shape[1]
    for number, index in enumerate(chosen, 1):
        axes = figure.add_subplot(-(-len(chosen) // 3), 3, number)
        axes.plot(np.arange(length), sample.inputs[index], linewidth=1)
        if dataset.schema.target.kind == "number":
            ahead = _ahead(dataset, sample, index)
            axes.plot(length + np.arange(len(ahead)), ahead, "o", markersize=4 if len(ahead) < 9 else 1, color="black")
        axes.set_title(dataset.splits["train"].id(int(sample.indices[index])), fontsize=8)
        axes.tick_params(labelsize=7)
    save(figure, path)


def _ahead(dataset: Dataset, sample: Sample, index: int) -> np.ndarray:
    """Returns what is drawn after a window: the first target's steps, from where the window's numbers are."""
    split, ahead = dataset.splits["train"], sample.targets[index]
    if not isinstance(split, SeriesSplit):
        return ahead
    origins = split.origins(sample.indices[index : index + 1])
    return (ahead if origins is None else ahead - origins[0])[: split.horizon]


def over_time(splits: Mapping[str, SeriesSplit], names: Sequence[str], path: Path) -> None:
    """Draws each target over time, coloured by split; of several series the first ones.

    Args:
      splits: of one series or several.
      names: of the targets.
      path: PNG file to write.
    """
    rows = next(iter(splits.values())).series
    panels = [(which, column) for which in range(len(rows.names)) for column in range(len(names))][:MAX_PANELS]
    figure = Figure(figsize=(11, 2.2 * len(panels)), layout="constrained")
    for number, (which, column) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, number)
        for name, split in splits.items():
            ahead = np.unique(split.starts[:, None] + split.length + np.arange(split.horizon))
            here = ahead[rows.series[ahead] == which]
            here = here[:: max(1, len(here) // MAX_POINTS)]
            breaks = np.flatnonzero(np.diff(rows.stretches[here])) + 1  # no line over a gap
            times, values = np.insert(rows.times[here], breaks, rows.times[here][breaks]), rows.values[here, column]
            axes.plot(times, np.insert(values, breaks, np.nan), linewidth=0.8, label=name)
        axes.set_title(f"{rows.names[which]} {names[column]}".strip(), fontsize=9)
        axes.tick_params(labelsize=7)
    figure.axes[0].legend(fontsize=7)
    save(figure, path)


def seasonality(split: SeriesSplit, name: str, path: Path) -> None:
    """Draws how the first target of the training rows correlates with itself, with the season that was found.

    Args:
      split: the training split.
      name: of the target.
      path: PNG file to write.
    """
    season, values = split.series.season, split.training_values()
    lags = min(len(values) - 1, max(50, 3 * (season or 0)))
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(np.arange(1, lags + 1), autocorrelation(values, lags)[1:], linewidth=1)
    axes.axhline(0, color="black", linewidth=0.6)
    if season is not None:
        axes.axvline(season, color="0.5", linestyle="--", label=f"season of {season} rows")
        axes.legend(fontsize=8)
    axes.set_xlabel("rows apart")
    axes.set_ylabel(f"correlation of {name}")
    save(figure, path)


def error_by_step(errors: Mapping[str, np.ndarray], names: Sequence[str], path: Path) -> None:
    """Draws root mean squared errors over the steps ahead, a panel for each target.

    Args:
      errors: by forecast, the model's first, (targets * horizon,).
      names: of the targets.
      path: PNG file to write.
    """
    shown = spread_evenly(len(names), MAX_PANELS)
    columns = min(len(shown), 3)
    figure = Figure(figsize=(4.6 * columns, 3.2 * -(-len(shown) // columns)), layout="constrained")
    for number, index in enumerate(shown, 1):
        axes = figure.add_subplot(-(-len(shown) // columns), columns, number)
        for place, (name, values) in enumerate(errors.items()):
            steps = values.reshape(len(names), -1)[index]
            style = "-" if place == 0 else "--"
            axes.plot(np.arange(1, len(steps) + 1), steps, style, linewidth=1.2, label=name)
        axes.set_title(names[index], fontsize=9)
        axes.set_xlabel("steps ahead")
        axes.set_ylabel("rmse")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    save(figure, path)


def forecasts(split: SeriesSplit, predictions: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draws some windows of the first target: what came before, what came, and what was predicted.

    Args:
      split: the examples.
      predictions: (examples, targets * horizon).
      names: of the targets.
      path: PNG file to write.
    """
    chosen = spread_evenly(len(split), MAX_PANELS)
    figure = Figure(figsize=(11, 2.4 * -(-len(chosen) // 3)), layout="constrained")
    before, ahead = np.arange(split.length) - split.length + 1, np.arange(1, split.horizon + 1)
    marker = {"marker": "o", "markersize": 3} if split.horizon < 4 else {}
    for number, index in enumerate(chosen, 1):
        axes = figure.add_subplot(-(-len(chosen) // 3), 3, number)
        start = split.starts[index]
        axes.plot(before, split.series.values[start : start + split.length, 0], color="0.5", linewidth=0.8)
        true = split.targets_of(np.array([index]))[0, : split.horizon]
        axes.plot(ahead, true, color="black", linewidth=1, label="true", **marker)
        axes.plot(ahead, predictions[index, : split.horizon], color="tab:red", linewidth=1, label="predicted", **marker)
        axes.set_title(f"{names[0]} from {split.id(index)}", fontsize=8)
        axes.tick_params(labelsize=7)
    figure.axes[0].legend(fontsize=7)
    save(figure, path)


def before_and_after(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> None:
    """Draws the same vectors before augmentations, in grey, and after them.

    Args:
      rows: a name and (examples, ...) inputs in each row, first the examples as they are.
      path: PNG file to write.
    """
    before, columns = rows[0][1], min(len(rows[0][1]), 4)
    figure = Figure(figsize=(2.6 * columns, 1.6 * (len(rows) - 1)), layout="constrained")
    for row, (name, after) in enumerate(rows[1:]):
        for column in range(columns):
            axes = figure.add_subplot(len(rows) - 1, columns, row * columns + column + 1)
            axes.plot(before[column].reshape(len(before[column]), -1), color="0.7", linewidth=2)
            axes.plot(after[column].reshape(len(after[column]), -1), linewidth=0.8)
            axes.tick_params(labelsize=6)
            if column == 0:
                axes.set_title(name, fontsize=8, loc="left")
    save(figure, path)
