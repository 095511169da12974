"""What a time series holds beside its windows: its times, its season, and how its splits differ."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import summarize
from jaxflow.data.profiling.issue import Issue
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.seasons import autocorrelation
from jaxflow.data.series.split import SeriesSplit

# How many standard deviations of the training split another split's mean lies off where its level has shifted.
SHIFTED = 1.0


def describe_series(dataset: Dataset, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Describes the rows of a time series.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Values that JSON holds: "series"; {} of windows that came as arrays.
    """
    train, encoding = dataset.splits["train"], dataset.input_encoding
    if not isinstance(train, SeriesSplit) or not isinstance(encoding, SeriesEncoding):
        return {}
    rows, season = train.series, train.series.season
    described = {
        "rows": len(rows.times),
        "names": list(rows.names) if len(rows.names) > 1 else [],
        "first": str(rows.times.min()),
        "last": str(rows.times.max()),
        "step": encoding.step,
        "gaps": int(rows.stretches[-1] + 1 - len(np.unique(rows.series))),
        "season": season,
        "features": [
            {"name": name, **summarize(column)}
            for name, column in zip(encoding.features, samples["train"].inputs.reshape(-1, len(encoding.features)).T)
        ],
    }
    if season is not None:
        described["season_correlation"] = float(autocorrelation(train.training_values(), season)[season])
    return {"series": described}


def check_series(dataset: Dataset, samples: Mapping[str, Sample]) -> list[Issue]:
    """Finds splits whose targets lie on another level than those of the training split."""
    split, train = dataset.splits["train"], samples["train"].targets.astype(np.float64)
    if not isinstance(split, SeriesSplit) or split.from_last:
        return []  # what comes after the last value does not depend on the level
    mean, std = train.mean(0), train.std(0)
    issues = []
    for name, sample in samples.items():
        off = np.abs(sample.targets.mean(0, dtype=np.float64) - mean) / np.where(std > 0, std, np.inf)
        for place in range(0, len(off), split.horizon):  # of one target, not again for each step ahead
            if off[place] > SHIFTED:
                target = dataset.schema.target.names[place]
                message = f"{target} is {off[place]:.1f} standard deviations off in {name}, on average"
                advice = "the series has changed its level: relative='last' learns what comes after the last value"
                issues.append(Issue("problem", message, advice))
    return issues
