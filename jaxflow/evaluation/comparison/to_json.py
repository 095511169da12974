"""A comparison as JSON."""

import math
from dataclasses import asdict
from typing import Any

from jaxflow.evaluation.comparison.values import Comparison, Difference
from jaxflow.runs.groups import Group

# Of a run, beside its metrics: how large it is, and how fast.
COSTS = ("parameters", "examples_per_second", "seconds", "cpu_seconds", "state_bytes_per_device", "steps")


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Returns a comparison as what json.dumps takes; None stands for what is not known."""
    made = {
        "experiments": [
            {"name": group.name, "runs": [str(run.folder) for run in group.runs], "costs": costs(group)}
            for group in comparison.groups
        ],
        "metric": comparison.metric,
        "differing": {name: list(values) for name, values in comparison.differing.items()},
        "metrics": {name: [each.mean for each in of] for name, of in comparison.estimates.items()},
        "estimates": {name: [asdict(each) for each in of] for name, of in comparison.estimates.items()},
        "differences": [_difference(each) for each in comparison.differences],
        "remarks": list(comparison.remarks),
    }
    return _finite(made)


def costs(group: Group) -> dict[str, float]:
    """Returns what a group's runs took on average, as far as that was measured."""
    known = {name: [run.results.get(name) for run in group.runs] for name in COSTS}
    numbers = {name: [each for each in of if isinstance(each, int | float)] for name, of in known.items()}
    return {name: sum(of) / len(of) for name, of in numbers.items() if of}


def _difference(difference: Difference) -> dict[str, Any]:
    told = asdict(difference)
    del told["disagreement"]
    counts = difference.disagreement.counts if difference.disagreement else ()
    sides = dict(zip(("both_right", "only_first_right", "only_this_right", "both_wrong"), counts))
    return told | {"different": difference.different, "better": difference.better, "answers": sides}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
