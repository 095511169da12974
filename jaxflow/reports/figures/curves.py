"""Learning curves: a chart of each metric over the epochs, training against validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Chart, Drawing, Mark
from jaxflow.reports.figures.plot import colour_of, legend, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import epoch, exact, number

# Metrics that are drawn at most; rows of the table behind each.
MAX_CURVES, MAX_ROWS = 12, 60
Points = list[tuple[float, float]]


def learning_curves(
    lines: Sequence[dict[str, Any]], units: Mapping[str, str], best: float | None, folder: Path
) -> list[Chart]:
    """Draws the problem's metrics over the epochs, the loss first.

    Args:
      lines: the lines of metrics.jsonl.
      units: of the metrics, by name; "" where a metric has none.
      best: the epoch that validation chose, which is marked; None where there was no validation.
      folder: where the SVG files go.
    """
    names = [name for name in units if any(name in line for line in lines)]
    names.sort(key=lambda name: name != "loss")
    charts = []
    for place, name in enumerate(names[:MAX_CURVES]):  # of many targets; metrics.jsonl has them all
        points = curve_points(lines, name)
        up = f"{name} ({units[name]})" if units[name] else name
        file = folder / f"curve_{place + 1}.svg"
        label = "" if best is None else f"best: epoch {epoch(best)}"
        _draw(points, up, best, label, file)
        still = Drawing(name, file, _seen(name, points, best), points_table(name, points))
        charts.append(Chart(still, "epoch", up, points, () if best is None else (Mark(best, label),)))
    return charts


def curve_points(lines: Sequence[dict[str, Any]], name: str) -> dict[str, Points]:
    """Returns a metric's points, (epoch, value), by split; splits without any are left out."""
    epoch_of = {line["step"]: line["epoch"] for line in lines if "epoch" in line}
    points = {}
    for split in ("train", "validation"):
        of_split = [line for line in lines if line["split"] == split and np.isfinite(line.get(name, np.nan))]
        steps, values = [line["step"] for line in of_split], [float(line[name]) for line in of_split]
        if split == "train":
            points[split] = even_points(steps, values, epoch_of)
        else:
            points[split] = [(float(epoch_of.get(step, 0.0)), value) for step, value in zip(steps, values)]
    return {split: some for split, some in points.items() if some}


def even_points(steps: Sequence[int], values: Sequence[float], epoch_of: Mapping[int, float]) -> Points:
    """Returns the points of a curve of means over intervals, none of which is a mean of few steps beside many.

    An interval that a validation or the end of the run has cut short is joined to those after it, or at the end before
    it, until half of the longest is reached: a mean of two steps would be drawn as a spike.

    Args:
      steps: the last step of each interval, ascending.
      values: the mean over it.
      epoch_of: by step.
    """
    counts = np.diff([0, *steps]).clip(min=1)
    joined: list[list[float]] = []  # steps, sum, last step
    for length, value, step in zip(counts, values, steps):
        if joined and (joined[-1][0] < counts.max() / 2 or (step == steps[-1] and length < counts.max() / 2)):
            joined[-1] = [joined[-1][0] + length, joined[-1][1] + length * value, step]
        else:
            joined.append([length, length * value, step])
    return [(float(epoch_of.get(int(step), 0.0)), float(total / length)) for length, total, step in joined]


def _draw(points: Mapping[str, Points], up: str, best: float | None, label: str, path: Path) -> None:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for split, some in points.items():
        marker = "o" if split == "validation" or len(some) == 1 else ""
        axes.plot(*zip(*some), color=colour_of(split), label=split, marker=marker, markersize=3, linewidth=1.5)
    if best is not None:
        axes.axvline(best, color=colour_of("", 2), linestyle="--", linewidth=1, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel(up)
    thin(axes)
    legend(figure)
    save(figure, path)


def _seen(name: str, points: Mapping[str, Points], best: float | None) -> str:
    parts = [
        f"{split} from {number(some[0][1])} at epoch {epoch(some[0][0])} to {number(some[-1][1])} at epoch "
        f"{epoch(some[-1][0])}"
        for split, some in points.items()
    ]
    chosen = "" if best is None else f"; validation was best at epoch {epoch(best)}"
    return f"Curves of {name} over the epochs: {'; '.join(parts)}{chosen}"


def points_table(name: str, points: Mapping[str, Points]) -> Table:
    """Returns the numbers behind curves, evenly spaced where there are many."""
    places = sorted({place for some in points.values() for place, _ in some})
    columns = [dict(some) for some in points.values()]
    shown = [places[at] for at in spread_evenly(len(places), MAX_ROWS)]
    rows = [[f"{place:.4g}", *(exact(column.get(place)) for column in columns)] for place in shown]
    return Table(f"{name} by epoch", ("epoch", *points), rows)
