"""A metric of a group of runs: a mean with its spread and interval, or a value with the interval of evaluation."""

import numpy as np

from jaxflow.evaluation.cross_validation import Estimate, summarize_folds
from jaxflow.runs.groups import Group, sample
from jaxflow.runs.results import interval_name


def estimate(group: Group, metric: str) -> Estimate:
    """Returns a metric of a group, all of whose runs have it.

    Returns:
      Of several seeds, splits or folds the mean, the deviation from one to the next and Student's interval of the
      mean, wider where training sets overlap; of one run its value and the interval that evaluation found.
    """
    found = sample(group.runs, metric)
    if len(values := list(found.values)) > 1:
        return summarize_folds([{metric: value} for value in values], found.ratio)[metric]
    interval = group.runs[0].results.get("test", {}).get(interval_name(metric)) if len(group.runs) == 1 else None
    low, high = interval if isinstance(interval, list) else (np.nan, np.nan)
    return Estimate(values[0], np.nan, low, high)
