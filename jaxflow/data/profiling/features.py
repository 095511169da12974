"""Features of vectors: their names, their statistics, and how they correlate with the target."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.tables.encode import TableEncoding


def feature_names(dataset: Dataset) -> list[str]:
    """Returns the names of the features of vectors; their indices where the source has no names."""
    if isinstance(dataset.input_encoding, TableEncoding | SeriesEncoding):
        return list(dataset.input_encoding.features)
    return [f"feature {index}" for index in range(dataset.schema.inputs.shape[-1])]


def describe_features(dataset: Dataset, samples: Mapping[str, Sample]) -> dict[str, Any]:
    """Describes vectors.

    Args:
      dataset: the dataset.
      samples: from `take_sample`, by split.

    Returns:
      Values that JSON holds: "columns" of a table, and "features" of the training split.
    """
    described: dict[str, Any] = {}
    if isinstance(dataset.input_encoding, TableEncoding):
        described["columns"] = [
            {"name": encoder.name, "kind": encoder.kind, "missing": encoder.missing_fraction}
            for encoder in dataset.input_encoding.columns
        ]
    if samples["train"].inputs.ndim == 2:
        inputs = samples["train"].inputs.astype(np.float64)
        strengths = correlations(dataset, inputs, samples["train"].targets)
        described["features"] = [
            {"name": name, **summarize(column), "correlation": float(strength)}
            for name, column, strength in zip(feature_names(dataset), inputs.T, strengths)
        ]
    return described


def correlations(dataset: Dataset, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Computes how strongly each feature correlates with the target.

    Args:
      dataset: its schema has the kind of the target.
      inputs: (examples, features) float.
      targets: (examples,) class indices, or (examples, values).

    Returns:
      (features,) largest absolute correlation with a value, or with one class against the others; 0 for constants.
    """
    columns = targets.astype(np.float64)
    if dataset.schema.target.kind == "class":
        columns = np.eye(len(dataset.schema.target.names))[targets]  # (example, class)
    x, y = inputs - inputs.mean(0), columns - columns.mean(0)
    scale = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    return np.abs(np.divide(x.T @ y, scale, out=np.zeros_like(scale), where=scale > 0)).max(1)


def summarize(values: np.ndarray) -> dict[str, float]:
    """Computes mean, standard deviation and range of values."""
    return {name: float(getattr(values, name)()) for name in ("mean", "std", "min", "max")}
