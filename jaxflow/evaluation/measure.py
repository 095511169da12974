"""Measures a split: all metrics with their intervals, those of the problem as the scores that they are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxflow.evaluation.metrics.intervals import measure
from jaxflow.evaluation.metrics.scores import Units, each_example
from jaxflow.evaluation.scoring import ScoreData
from jaxflow.evaluation.thresholds import positive_class
from jaxflow.interfaces import Problem
from jaxflow.runs.results import interval_name
from jaxflow.schema import Schema

# What float32 has no squares of.
TINY = 1e-18
# Relative differences up to which a metric in float32 is the same as a score, and one that counts in bins.
SAME, BINNED = 1e-4, 2e-3


def measure_split(
    collected: Sequence[ScoreData], units: Units, metrics: Mapping[str, float], twins: Mapping[str, str]
) -> dict[str, Any]:
    """Returns all metrics of a split with their intervals.

    Args:
      collected: what scores need of the split's examples.
      units: of the examples.
      metrics: what the problem measured while the split was evaluated, in float32.
      twins: from `twins_of`.

    Returns:
      `metrics`, exact where a score is the same, without those that are not defined; the other scores that are defined
      here; and "NAME_interval", [low, high], of each that has one. A metric of the problem's that is no score, or
      another one by the same name, has none.
    """
    known: dict[str, Any] = {name: value for name, value in metrics.items() if math.isfinite(value)}
    scored = measure([family for data in collected for family in data.scores(units)], units.count)
    for name, found in {**scored, **{own: scored[twin] for own, twin in twins.items() if twin in scored}}.items():
        if not math.isfinite(found.value):
            continue
        value, binned = known.get(name, found.value), name in ("auroc", "average_precision")
        if not math.isclose(value, found.value, rel_tol=BINNED if binned else SAME, abs_tol=TINY):
            continue
        known[name] = found.value
        if math.isfinite(found.low) and math.isfinite(found.high):
            known[interval_name(name)] = [found.low, found.high]
    return known


def twins_of(problem: Problem, schema: Schema) -> dict[str, str]:
    """Returns by the name of a problem's metric that of the score that it is, where that has another name."""
    twins = {}
    for metric in problem.metrics:
        if metric.name == "matthews_correlation":
            twins[metric.name] = "mcc"
        elif metric.name == "cohen_kappa" and getattr(metric, "weights", "none") == "none":
            twins[metric.name] = "kappa"
        elif metric.name in ("precision", "recall", "f1"):
            twins[metric.name] = _averaged(metric, problem, schema)
    return twins


def _averaged(metric: Any, problem: Problem, schema: Schema) -> str:
    """Returns the name of the score of classes or labels that is averaged as a metric is."""
    average, target = getattr(metric, "average", ""), schema.target
    if average == "binary" and len(target.names) == 2:
        return f"{metric.name}/{target.names[positive_class(problem)]}"
    return "accuracy" if average == "micro" and target.kind == "class" else f"{metric.name}_{average}"


def row_intervals(collected: Sequence[ScoreData], units: Units, metric: str) -> dict[str, list[float]]:
    """Returns the interval that a metric would have if each example were a unit.

    Args:
      collected: what scores need of the split's examples.
      units: of the examples.
      metric: its name.

    Returns:
      [low, high] by the metric's name; {} where each example is a unit, or the metric has no interval.
    """
    if units.noun == "example":
        return {}
    rows = each_example(len(units.index))
    families = [family for data in collected for family in data.scores(rows) if metric in family.names]
    found = measure(families[:1], rows.count).get(metric)
    return {} if found is None or not math.isfinite(found.low) else {metric: [found.low, found.high]}
