"""Two experiments by their seeds: whether one does better, whichever seed it is trained with."""

import numpy as np

from jaxflow.errors import UserError
from jaxflow.evaluation.comparison.values import Difference
from jaxflow.evaluation.metrics.intervals import Measured
from jaxflow.evaluation.metrics.significance import welch
from jaxflow.runs.groups import Group, by_seed, sample

ABOUT = "the experiments, whatever the seed"


def seed_difference(first: Group, other: Group, metric: str, shared: list[str]) -> Difference:
    """Compares two experiments by the results of their seeds.

    Args:
      first: runs of one.
      other: runs of the other.
      metric: what is tested.
      shared: metrics that all runs have.

    Raises:
      UserError: the two were not tested on the same splits.
    """
    _check_same_splits(first, other)
    found, counts = {}, [len(by_seed(group.runs)) for group in (first, other)]
    for name in dict.fromkeys((metric, *shared)):
        ours, theirs = (sample(group.runs, name) for group in (first, other))
        found[name] = welch(np.array(ours.values), np.array(theirs.values), max(ours.ratio, theirs.ratio))
    of = found[metric]
    return Difference(
        name=other.name,
        metric=metric,
        value=of.value,
        low=of.low,
        high=of.high,
        p=of.p,
        test=f"Welch's t of {counts[0]} and {counts[1]} seeds",
        about=ABOUT,
        units=min(counts),
        metrics={name: Measured(each.value, each.low, each.high) for name, each in found.items()},
    )


def _check_same_splits(first: Group, other: Group) -> None:
    """Raises if two groups share no split, or if one that they share holds other targets."""
    tested = [
        {(run.split_seed, run.fold): run.results.get("test_contents", {}).get("targets") for run in group.runs}
        for group in (first, other)
    ]
    shared = tested[0].keys() & tested[1].keys()
    if not shared or any(tested[0][split] != tested[1][split] for split in shared):
        raise UserError(
            f"{other.name} was tested on different examples than {first.name}; compare runs of the same data whose "
            "splits are alike"
        )
