"""Figures of windows of series, and of vectors before and after augmentations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.series.seasons import autocorrelation
from jaxflow.data.series.split import SeriesSplit
from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.distributions import augmentations
from jaxflow.reports.figures.plot import MAX_PANELS, colour_of, count_ticks, legend, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number

# Points of a line that spans a figure: more fall on the same pixels.
MAX_POINTS = 4000


def windows(dataset: Dataset, sample: Sample, path: Path, max_windows: int = 6) -> Drawing:
    """Draws some windows, with a dot for each value to predict.

    Args:
      dataset: its inputs are (length, columns).
      sample: of the training split.
      path: SVG file to write.
      max_windows: windows that are drawn at most.
    """
    chosen = np.linspace(0, len(sample.inputs) - 1, min(max_windows, len(sample.inputs))).astype(int)
    figure = Figure(figsize=(10, 2.2 * -(-len(chosen) // 3)), layout="constrained")
    length = sample.inputs.shape[1]
    for place, index in enumerate(chosen, 1):
        axes = figure.add_subplot(-(-len(chosen) // 3), 3, place)
        axes.plot(np.arange(length), sample.inputs[index], linewidth=1)
        if dataset.schema.target.kind == "number":
            ahead = _ahead(dataset, sample, index)
            axes.plot(length + np.arange(len(ahead)), ahead, "o", markersize=4 if len(ahead) < 9 else 1, color="black")
        axes.set_title(dataset.splits["train"].id(int(sample.indices[index])), fontsize=8)
        axes.tick_params(labelsize=7)
    save(figure, path)
    shown = ", ".join(dataset.splits["train"].id(int(sample.indices[index])) for index in chosen)
    alt = f"{len(chosen)} training windows of {length} rows, from {shown}"
    return Drawing("Windows of the training split, and what comes next", path, alt)


def _ahead(dataset: Dataset, sample: Sample, index: int) -> np.ndarray:
    """Returns what is drawn after a window: the first target's steps, from where the window's numbers are."""
    split, ahead = dataset.splits["train"], sample.targets[index]
    if not isinstance(split, SeriesSplit):
        return ahead
    origins = split.origins(sample.indices[index : index + 1])
    return (ahead if origins is None else ahead - origins[0])[: split.horizon]


def over_time(splits: Mapping[str, SeriesSplit], names: Sequence[str], path: Path) -> Drawing:
    """Draws each target over time, coloured by split; of several series the first ones.

    Args:
      splits: of one series or several.
      names: of the targets.
      path: SVG file to write.
    """
    rows = next(iter(splits.values())).series
    panels = [(which, column) for which in range(len(rows.names)) for column in range(len(names))][:MAX_PANELS]
    figure = Figure(figsize=(11, 2.2 * len(panels) + 0.3), layout="constrained")
    told: list[list[str]] = []
    for place, (which, column) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, place)
        for name, split in splits.items():
            ahead = np.unique(split.starts[:, None] + split.length + np.arange(split.horizon))
            here = ahead[rows.series[ahead] == which]
            here = here[:: max(1, len(here) // MAX_POINTS)]
            breaks = np.flatnonzero(np.diff(rows.stretches[here])) + 1  # no line over a gap
            times, values = np.insert(rows.times[here], breaks, rows.times[here][breaks]), rows.values[here, column]
            axes.plot(times, np.insert(values, breaks, np.nan), linewidth=0.8, label=name, color=colour_of(name))
            of = rows.values[here, column]
            told.append([f"{rows.names[which]} {names[column]}".strip(), name, *map(exact, (of.mean(), of.std()))])
        axes.set_title(f"{rows.names[which]} {names[column]}".strip(), fontsize=9)
        axes.tick_params(labelsize=7)
    legend(figure)
    save(figure, path)
    table = Table("Values of each split", ("", "split", "mean", "deviation"), told)
    alt = (
        f"Lines over time, split by split: {', '.join(f'{name} {split} mean {mean}' for name, split, mean, _ in told)}"
    )
    return Drawing("Over time", path, alt, table)


def seasonality(split: SeriesSplit, name: str, path: Path) -> Drawing:
    """Draws how the first target of the training rows correlates with itself, with the season that was found.

    Args:
      split: the training split.
      name: of the target.
      path: SVG file to write.
    """
    season, values = split.series.season, split.training_values()
    lags = min(len(values) - 1, max(50, 3 * (season or 0)))
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot()
    found = autocorrelation(values, lags)
    axes.plot(np.arange(1, lags + 1), found[1:], linewidth=1, color=colour_of("train"))
    axes.axhline(0, color="black", linewidth=0.6)
    if season is not None:
        axes.axvline(season, color="0.5", linestyle="--", label=f"season of {season} rows")
        legend(figure)
    axes.set_xlabel("rows apart")
    count_ticks(axes.xaxis)
    axes.set_ylabel(f"correlation of {name}")
    save(figure, path)
    lags_shown = sorted({lag for lag in (1, season or 1, 2 * (season or 1), lags) if lag <= lags})
    rows = [[str(lag), f"{found[lag]:.2f}"] for lag in lags_shown]
    table = Table("Correlation with itself", ("rows apart", "correlation"), rows)
    told = "no season was found" if season is None else f"a season of {season} rows"
    return Drawing("Seasons", path, f"Correlation of {name} with itself up to {lags} rows apart: {told}", table)


def error_by_step(errors: Mapping[str, np.ndarray], names: Sequence[str], path: Path) -> Drawing:
    """Draws root mean squared errors over the steps ahead, a panel for each target.

    Args:
      errors: by forecast, the model's first, (targets * horizon,).
      names: of the targets.
      path: SVG file to write.
    """
    shown = spread_evenly(len(names), MAX_PANELS)
    columns = min(len(shown), 3)
    figure = Figure(figsize=(4.8 if columns == 1 else 3.6 * columns, 3.2 * -(-len(shown) // columns)))
    figure.set_layout_engine("constrained")
    rows = []
    for place, index in enumerate(shown, 1):
        axes = figure.add_subplot(-(-len(shown) // columns), columns, place)
        by_name = {name: values.reshape(len(names), -1)[index] for name, values in errors.items()}
        for other, (name, steps) in enumerate(by_name.items()):
            colour = colour_of("test") if other == 0 else colour_of("", other - 1)
            axes.plot(np.arange(1, len(steps) + 1), steps, color=colour, linestyle="--" if other else "-", label=name)
        axes.set_title(names[index], fontsize=9)
        axes.set_xlabel("steps ahead")
        count_ticks(axes.xaxis)
        axes.set_ylabel("rmse")
        axes.set_ylim(bottom=0)
        thin(axes)
        rows += [[f"{names[index]}, {step + 1}", *map(exact, of)] for step, of in enumerate(zip(*by_name.values()))]
    legend(figure)
    save(figure, path)
    ends = ", ".join(f"{name} from {number(of[0])} to {number(of[-1])}" for name, of in errors.items())
    table = Table("Root mean squared error by steps ahead", ("target, steps ahead", *errors), rows)
    return Drawing("Error by steps ahead", path, f"Error over the steps ahead: {ends}", table)


def forecasts(split: SeriesSplit, predictions: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws some windows of the first target: what came before, what came, and what was predicted.

    Args:
      split: the examples.
      predictions: (examples, targets * horizon).
      names: of the targets.
      path: SVG file to write.
    """
    chosen = spread_evenly(len(split), MAX_PANELS)
    columns = min(len(chosen), 3)
    figure = Figure(figsize=(3.4 * columns, 2.3 * -(-len(chosen) // columns) + 0.3), layout="constrained")
    before, ahead = np.arange(split.length) - split.length + 1, np.arange(1, split.horizon + 1)
    marker = {"marker": "o", "markersize": 3} if split.horizon < 4 else {}
    rows = []
    for place, index in enumerate(chosen, 1):
        axes = figure.add_subplot(-(-len(chosen) // columns), columns, place)
        start = split.starts[index]
        axes.plot(before, split.series.values[start : start + split.length, 0], color="0.5", linewidth=0.8)
        true, predicted = split.targets_of(np.array([index]))[0, : split.horizon], predictions[index, : split.horizon]
        axes.plot(ahead, true, color="black", linewidth=1, label="true", **marker)
        axes.plot(ahead, predicted, color=colour_of("test"), linewidth=1.5, label="predicted", **marker)
        axes.set_title(split.id(index), fontsize=8)
        axes.tick_params(labelsize=7)
        thin(axes)
        error = np.sqrt(np.square(predicted - true).mean())
        rows.append([split.id(index), *map(exact, (true.mean(), predicted.mean(), error))])
    legend(figure)
    save(figure, path)
    columns = ("window from", f"mean of {names[0]}, true", "predicted", "rmse")
    alt = f"{len(chosen)} windows of {names[0]}, {split.length} rows before and {split.horizon} ahead: " + "; ".join(
        f"from {row[0]} true {row[1]}, predicted {row[2]}" for row in rows
    )
    return Drawing("Forecasts", path, alt, Table("The windows of this figure", columns, rows))


def before_and_after(rows: Sequence[tuple[str, np.ndarray]], path: Path) -> Drawing:
    """Draws the same vectors before augmentations, in grey, and after them.

    Args:
      rows: a name and (examples, ...) inputs in each row, first the examples as they are.
      path: SVG file to write.
    """
    before, columns = rows[0][1], min(len(rows[0][1]), 4)
    figure = Figure(figsize=(2.6 * columns, 1.6 * (len(rows) - 1)), layout="constrained")
    for row, (name, after) in enumerate(rows[1:]):
        for column in range(columns):
            axes = figure.add_subplot(len(rows) - 1, columns, row * columns + column + 1)
            axes.plot(before[column].reshape(len(before[column]), -1), color="0.7", linewidth=2)
            axes.plot(after[column].reshape(len(after[column]), -1), linewidth=0.8, color=colour_of("train"))
            axes.tick_params(labelsize=6)
            if column == 0:
                axes.set_title(name, fontsize=8, loc="left")
    save(figure, path)
    return augmentations(rows, path)
