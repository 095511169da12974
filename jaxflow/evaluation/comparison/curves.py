"""Learning curves of the runs that are compared, overlaid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxflow.evaluation.comparison.values import Comparison
from jaxflow.problems.metrics.base import metric_named
from jaxflow.reports.blocks import Chart
from jaxflow.reports.figures.curves import Points, curve_points
from jaxflow.reports.figures.overlaid import COLOURS, Line, overlaid_curves
from jaxflow.runs.folder import read_description
from jaxflow.runs.groups import Group
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.serialization import file_classes, from_json

# Runs that have a line each, and metrics that have a chart.
MAX_LINES, MAX_METRICS = 12, 6


@dataclass(frozen=True)
class _Logged:
    """A run's log: its name, its lines, its colour, and the epoch that its validation chose."""

    name: str
    lines: Sequence[dict[str, Any]]
    colour: str
    best: float | None


def comparison_curves(comparison: Comparison, folder: Path) -> list[Chart]:
    """Draws each metric of the runs over the epochs: the validation's first, then the training's.

    The runs of a group share a colour, and the epoch that validation chose in each is marked.

    Args:
      comparison: the runs.
      folder: where the SVG files go.
    """
    logs = _read_logs(comparison)
    names = [name for name in comparison.estimates if any(name in line for log in logs for line in log.lines)]
    names.sort(key=lambda name: (name != "loss", name != comparison.metric))
    charts = []
    for name in names[:MAX_METRICS]:
        points = [curve_points(log.lines, name) for log in logs]
        for split, title in (("validation", "validation"), ("train", "training")):
            lines = [
                Line(log.name, of[split], log.colour, log.best if split == "validation" else None)
                for log, of in zip(logs, points)
                if split in of
            ]
            if lines:
                charts.append(overlaid_curves(f"{name}, {title}", lines, folder / f"curve_{len(charts)}.svg"))
    return charts


def _read_logs(comparison: Comparison) -> list[_Logged]:
    colours = list(COLOURS)
    logs = []
    for place, group in enumerate(comparison.groups):
        for run, name in zip(group.runs, _names(group)):
            lines = read_metrics(run.folder)
            logs.append(_Logged(name, lines, colours[place % len(colours)], _best_epoch(run.folder, lines)))
    return logs[:MAX_LINES]


def _names(group: Group) -> list[str]:
    """Returns names of a group's runs: what tells them apart is "seed 1, fold 2"."""
    if len(group.runs) == 1:
        return [group.name]
    known = [{"seed": run.seed, "split": run.split_seed, "fold": run.fold} for run in group.runs]
    varied = [kind for kind in known[0] if len({each[kind] for each in known}) > 1]
    start = group.name.rpartition(" (")[0]
    return [f"{start}, {', '.join(f'{kind} {each[kind]}' for kind in varied)}" for each in known]


def _best_epoch(folder: Path, lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Returns the epoch at which a run's selection metric was best in validation; None where that is not known.

    No file of the run is executed: of a problem of the user's own it is not known.
    """
    described = read_description(folder)["problem"]
    if file_classes(described):
        return None
    problem = from_json(described)
    name = problem.selection_metric
    points: Points = curve_points([dict(line) for line in lines], name).get("validation", [])
    if not points:
        return None
    choose = max if metric_named(problem, name).higher_is_better else min
    return choose(points, key=lambda point: point[1])[0]
