"""Features of vectors: their names, their statistics, and how they correlate with the target."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.sample import Sample
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.tables.encode import TableEncoding
from jaxflow.data.tables.encoders import OneHotEncoder


def feature_names(dataset: Dataset) -> list[str]:
    """Returns the names of the features of vectors; their indices where the source has no names."""
    if isinstance(dataset.input_encoding, TableEncoding | SeriesEncoding):
        return list(dataset.input_encoding.features)
    return [f"feature {index}" for index in range(dataset.schema.inputs.shape[-1])]


def feature_groups(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Returns the features that are shown together: those that are 1 for a category of one column, else each by itself.

    Returns:
      By the column's or the feature's name, the index of each feature by its category, or by "".
    """
    encoding = dataset.input_encoding
    if not isinstance(encoding, TableEncoding | SeriesEncoding):
        return {name: {"": index} for index, name in enumerate(feature_names(dataset))}
    groups, indices = {}, itertools.count()
    for encoder in encoding.columns:
        places = dict(zip(encoder.names, indices))
        if isinstance(encoder, OneHotEncoder):
            groups[encoder.name] = {name.removeprefix(f"{encoder.name} = "): at for name, at in places.items()}
        else:
            groups |= {name: {"": at} for name, at in places.items()}
    return groups


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
        described["features"] = [
            {"name": name, **summarize(column), "correlation": strength}
            for name, column, strength in _features(dataset, samples["train"])
        ]
    return described


def _features(dataset: Dataset, sample: Sample) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yields the name, the values and the correlation of each feature; sine and cosine of a season are its phase."""
    inputs, names = sample.inputs.astype(np.float64), feature_names(dataset)
    columns = target_columns(dataset, sample.targets)
    strengths = correlations(inputs, columns)
    pairs = enumerate(itertools.pairwise(names), 1)
    cosines = {place for place, (one, other) in pairs if ": sine of " in one and other == _cosine_of(one)}
    for place, name in enumerate(names):
        if place + 1 in cosines:
            circle = inputs[:, place : place + 2]
            phase = np.arctan2(*circle.T) / (2 * np.pi) % 1
            yield name.replace(": sine", ": phase"), phase, _multiple_correlation(circle, columns)
        elif place not in cosines:
            yield name, inputs[:, place], float(strengths[place])


def _cosine_of(name: str) -> str:
    return name.replace(": sine of ", ": cosine of ")


def _multiple_correlation(inputs: np.ndarray, targets: np.ndarray) -> float:
    """Returns the largest correlation of a target with what is linear in the inputs, both (examples, columns)."""
    x, y = inputs - inputs.mean(0), targets - targets.mean(0)
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    spread = np.square(y).sum(0)
    return float(
        np.sqrt(np.divide(np.square(fitted).sum(0), spread, out=np.zeros_like(spread), where=spread > 0)).max()
    )


def correlations(inputs: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Computes how strongly features correlate with what is to be predicted.

    Args:
      inputs: (examples, features) float.
      columns: (examples, columns) float, as `target_columns` returns them.

    Returns:
      (features,) largest absolute correlation with a column; 0 for constants.
    """
    x, y = inputs - inputs.mean(0), columns - columns.mean(0)
    scale = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    return np.abs(np.divide(x.T @ y, scale, out=np.zeros_like(scale), where=scale > 0)).max(1)


def each_target(dataset: Dataset, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Returns each target by itself, by what a finding calls it: "the target", or of several "target NAME".

    Args:
      dataset: its schema has the kind of the target.
      targets: (examples,) class indices, (examples, values), or (examples, targets) class indices.

    Returns:
      (examples,) class indices, IGNORE where one is unknown, or values.
    """
    if targets.ndim == 1 or targets.shape[1] == 1:
        return {"the target": targets.reshape(len(targets))}
    return {f"target {name}": column for name, column in zip(dataset.schema.target.names, targets.T)}


def one_hot(dataset: Dataset, target: np.ndarray) -> np.ndarray:
    """Returns one of `each_target` as (examples, columns) float64: itself, or whether each class is the example's."""
    if dataset.schema.target.kind == "number":
        return target.astype(np.float64)[:, None]
    return (target[:, None] == np.arange(max(target.max(), 0) + 1)).astype(np.float64)


def target_columns(dataset: Dataset, targets: np.ndarray) -> np.ndarray:
    """Returns targets as (examples, columns) float64: values, or for each class whether it is the example's."""
    return np.concatenate([one_hot(dataset, target) for target in each_target(dataset, targets).values()], axis=1)


def summarize(values: np.ndarray) -> dict[str, float]:
    """Computes mean, standard deviation and range of values."""
    return {name: float(getattr(values, name)()) for name in ("mean", "std", "min", "max")}
