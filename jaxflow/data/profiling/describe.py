"""What a dataset holds, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.tokens import describe_tokens
from jaxflow.data.profiling.waveforms import audio_statistics
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.schema import Split

# Examples of each split that statistics are taken of, and the bytes that they may take.
SAMPLE, SAMPLE_BYTES = 10_000, 1 << 29
CHUNK_SIZE = 512


@dataclass(frozen=True, eq=False)
class Sample:
    """Some examples of a split, all of a small one.

    Attributes:
      indices: their places in the split, ascending.
    """

    inputs: np.ndarray
    targets: np.ndarray
    indices: np.ndarray


def take_sample(split: Split, most: int = SAMPLE) -> Sample:
    """Draws up to `most` examples of a split, fewer large ones, always the same."""
    most = min(most, max(SAMPLE_BYTES * len(split) // max(split.nbytes, 1), 1))
    chosen = np.arange(len(split))
    if len(split) > most:
        chosen = np.sort(np.random.RandomState(0).permutation(len(split))[:most])
    pieces = [split.rows(part)["inputs"] for part in parts(chosen)]
    return Sample(np.concatenate(pieces), split.targets[chosen], chosen)


def describe(dataset: Dataset, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Describes a dataset.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Numbers that JSON holds: of each split, of the inputs, of each column of a table, and of each feature where inputs
      are vectors.
    """
    numbers: dict[str, Any] = {
        "splits": {name: _describe_targets(dataset, split) for name, split in dataset.splits.items()},
        "excluded": dict(dataset.excluded),
        "sampled": {name: len(s.indices) for name, s in samples.items() if len(s.indices) < len(dataset.splits[name])},
        "inputs": _describe_inputs(dataset, samples["train"]),
    }
    if isinstance(dataset.input_encoding, TableEncoding):
        numbers["columns"] = [
            {"name": encoder.name, "kind": encoder.kind, "missing": encoder.missing_fraction}
            for encoder in dataset.input_encoding.columns
        ]
    if dataset.schema.inputs.kind == "vector" and samples["train"].inputs.ndim == 2:
        numbers["features"] = _describe_features(dataset, samples["train"])
    if dataset.schema.inputs.kind == "tokens":
        numbers |= describe_tokens(dataset, samples)
    return numbers


def feature_names(dataset: Dataset) -> list[str]:
    """Names the features of vectors, by number where the source has no names."""
    if isinstance(dataset.input_encoding, TableEncoding):
        return list(dataset.input_encoding.features)
    return [f"feature {index}" for index in range(dataset.schema.inputs.shape[-1])]


def correlations(dataset: Dataset, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes how strongly each feature goes with the target.

    Args:
      dataset: says what the target is.
      inputs: (examples, features) float.
      targets: as a split gives them.

    Returns:
      (features,) largest absolute correlation with a target, or with one class of it; 0 for constants.
    """
    columns = targets.astype(np.float64)
    if dataset.schema.target.kind == "class":
        columns = np.eye(len(dataset.schema.target.names))[targets]  # (example, class)
    x, y = inputs - inputs.mean(0), columns - columns.mean(0)
    scale = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    return np.abs(np.divide(x.T @ y, scale, out=np.zeros_like(scale), where=scale > 0)).max(1)


def class_counts(dataset: Dataset, split: Split) -> np.ndarray:
    """Counts how many examples, or known places of examples, a split has of each class; (classes,)."""
    counts = np.zeros(len(dataset.schema.target.names), np.int64)
    for first in range(0, len(split), SAMPLE):  # some at once: those of overlapping windows are more than memory holds
        targets = split.targets[first : first + SAMPLE]
        counts += np.bincount(targets[targets >= 0], minlength=len(counts))
    return counts


def parts(chosen: np.ndarray) -> list[np.ndarray]:
    """Cuts indices into pieces that are read at once."""
    return [chosen[first : first + CHUNK_SIZE] for first in range(0, len(chosen), CHUNK_SIZE)]


def _describe_targets(dataset: Dataset, split: Split) -> dict[str, Any]:
    if dataset.schema.target.kind == "class":
        counts = dict(zip(dataset.schema.target.names, class_counts(dataset, split).tolist()))
        void = {"void": int(np.sum(split.targets < 0))} if dataset.schema.target.dense_shape else {}
        return {"examples": len(split), "classes": counts | void}
    columns = zip(dataset.schema.target.names, split.targets.T.astype(np.float64))
    return {"examples": len(split), "targets": {name: _summary(column) for name, column in columns}}


def _describe_inputs(dataset: Dataset, sample: Sample) -> dict[str, Any]:
    feature = dataset.schema.inputs
    flat = sample.inputs.reshape(-1, sample.inputs.shape[-1])  # (pixel or row, channel or feature)
    return {
        "kind": feature.kind,
        "shape": list(feature.shape),
        "dtype": feature.dtype,
        "range": [float(sample.inputs.min()), float(sample.inputs.max())],
        **({"mean": flat.mean(0, dtype=np.float64).tolist()} if feature.kind in ("image", "volume") else {}),
        **(
            {"rate": feature.sample_rate, **_describe_clips(sample, feature.sample_rate)}
            if feature.kind == "audio"
            else {}
        ),
    }


def _describe_clips(sample: Sample, rate: int) -> dict[str, Any]:
    return {name: _summary(numbers) for name, numbers in audio_statistics(sample.inputs, rate).items()}


def _describe_features(dataset: Dataset, sample: Sample) -> list[dict[str, Any]]:
    inputs = sample.inputs.astype(np.float64)
    relation = correlations(dataset, inputs, sample.targets)
    return [
        {"name": name, **_summary(column), "correlation": float(strength)}
        for name, column, strength in zip(feature_names(dataset), inputs.T, relation)
    ]


def _summary(values: np.ndarray) -> dict[str, float]:
    return {name: float(getattr(values, name)()) for name in ("mean", "std", "min", "max")}
