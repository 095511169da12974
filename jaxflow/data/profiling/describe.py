"""What a dataset holds, in numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import summarize
from jaxflow.data.profiling.kinds import kind_of
from jaxflow.data.profiling.sample import MAX_EXAMPLES, Sample
from jaxflow.schema import Split


def describe(dataset: Dataset, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Describes a dataset.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Values that JSON holds: of each split, of the inputs, and what the kind of the inputs adds.
    """
    feature, train = dataset.schema.inputs, samples["train"]
    return {
        "splits": {name: _describe_targets(dataset, split) for name, split in dataset.splits.items()},
        "excluded": dict(dataset.excluded),
        "sampled": {name: len(s.indices) for name, s in samples.items() if len(s.indices) < len(dataset.splits[name])},
        "inputs": {
            "kind": feature.kind,
            "shape": list(feature.shape),
            "dtype": feature.dtype,
            "range": [float(train.inputs.min()), float(train.inputs.max())],
            **kind_of(dataset).statistics(feature, train),
        },
        **kind_of(dataset).describe(dataset, samples),
    }


def class_counts(dataset: Dataset, split: Split) -> np.ndarray:
    """Counts how many examples, or known positions of examples, a split has of each class; (classes,)."""
    counts = np.zeros(len(dataset.schema.target.names), np.int64)
    for first in range(0, len(split), MAX_EXAMPLES):  # a block at once: targets of overlapping windows exceed memory
        targets = split.targets[first : first + MAX_EXAMPLES]
        counts += np.bincount(targets[targets >= 0], minlength=len(counts))
    return counts


def _describe_targets(dataset: Dataset, split: Split) -> dict[str, Any]:
    if dataset.schema.target.kind == "class":
        counts = dict(zip(dataset.schema.target.names, class_counts(dataset, split).tolist()))
        ignored = {"ignored": int(np.sum(split.targets < 0))} if dataset.schema.target.dense_shape else {}
        return {"examples": len(split), "classes": counts | ignored}
    if dataset.schema.target.several:
        choices = zip(dataset.schema.target.choices.items(), split.targets.T)
        counts = {name: {each: int(np.sum(column == i)) for i, each in enumerate(of)} for (name, of), column in choices}
        return {"examples": len(split), "targets": counts}
    columns = zip(dataset.schema.target.names, split.targets.T.astype(np.float64))
    return {"examples": len(split), "targets": {name: summarize(column) for name, column in columns}}
