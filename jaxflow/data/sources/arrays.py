"""Data that is already in memory."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.errors import UserError
from jaxflow.schema import Feature, Schema, Target

# By the rank of inputs: their kind.
KINDS: dict[int, Literal["series", "image"]] = {3: "series", 4: "image"}
MAX_CLASSES = 1 << 20


def from_arrays(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str] | None = None,
    numbers: Sequence[str] | None = None,
) -> Dataset:
    """Builds a dataset from arrays of inputs and targets: integers are class labels, floats are values.

    Args:
      splits: by name ("train", "validation", "test"), inputs (examples, ...) and labels (examples,), or for regression
        values (examples,) or (examples, values).
      classes: class names; without them the labels name themselves.
      numbers: names of the values; with them integer targets are values too. Without them floats are named by their
        column, from 0.

    Returns:
      The dataset; inputs of rank three are series (example, time, column), inputs of rank four images (example, height,
      width, channel), others are vectors.

    Raises:
      UserError: inputs and targets do not fit together, a split is empty, a label has no class, or a value is not
        finite.
    """
    if "train" not in splits:
        raise UserError(f"there is no train split; there are {', '.join(splits) or 'none'}")
    shape = np.shape(splits["train"][0])[1:]
    for name, (inputs, labels) in splits.items():
        if len(inputs) != len(labels):
            raise UserError(f"the {name} split has {len(inputs)} inputs but {len(labels)} labels; give one label each")
        if np.shape(inputs)[1:] != shape:
            raise UserError(f"inputs of the {name} split have shape {np.shape(inputs)[1:]}, those of train {shape}")
    if numbers is not None and classes is not None:
        raise UserError("classes and numbers are both named; the target is one or the other")
    floats = np.issubdtype(np.asarray(splits["train"][1]).dtype, np.floating)
    are_numbers = numbers is not None or (floats and classes is None)
    given = {name: np.asarray(targets) for name, (_, targets) in splits.items()}
    target, targets = _numbers(given, numbers) if are_numbers else _classes(given, classes)
    inputs = np.asarray(splits["train"][0])
    feature = Feature(KINDS.get(inputs.ndim, "vector"), inputs.shape[1:], str(inputs.dtype))
    made = {
        name: ArraySplit(np.asarray(x), targets[name], [f"{name}_{i}" for i in range(len(x))])
        for name, (x, _) in splits.items()
    }
    return validate(Dataset(made, Schema(feature, target)))


def _classes(given: Mapping[str, np.ndarray], names: Sequence[str] | None) -> tuple[Target, dict[str, np.ndarray]]:
    for split, labels in given.items():
        if not np.issubdtype(labels.dtype, np.integer):
            raise UserError(f"labels of the {split} split are {labels.dtype}; class labels are integers")
        if labels.ndim != 1:
            raise UserError(f"labels of the {split} split have shape {labels.shape}; class labels are (examples,)")
    highest = max((int(labels.max()) for labels in given.values() if len(labels)), default=-1)
    if highest >= MAX_CLASSES:
        raise UserError(
            f"labels go up to {highest:,}, and integers are classes from 0 on, {MAX_CLASSES:,} at most; with "
            "numbers=['NAME'] they are values, and classes are to be numbered from 0"
        )
    if names is None:
        names = [str(label) for label in range(highest + 1)]
    return Target("class", tuple(names)), {split: labels.astype(np.int32) for split, labels in given.items()}


def _numbers(given: Mapping[str, np.ndarray], names: Sequence[str] | None) -> tuple[Target, dict[str, np.ndarray]]:
    width = given["train"].shape[1] if given["train"].ndim == 2 else 1
    names = [str(column) for column in range(width)] if names is None else names
    targets = {}
    for split, numbers in given.items():
        if not (np.issubdtype(numbers.dtype, np.floating) or np.issubdtype(numbers.dtype, np.integer)):
            raise UserError(f"targets of the {split} split are {numbers.dtype}, and those of train numbers")
        if numbers.shape not in [(len(numbers), len(names)), *([(len(numbers),)] if len(names) == 1 else [])]:
            raise UserError(
                f"targets of the {split} split have shape {numbers.shape}; there are {len(names)} of them, so "
                f"(examples, {len(names)}) is needed"
            )
        targets[split] = numbers.astype(np.float32).reshape(len(numbers), len(names))
    return Target("number", tuple(names)), targets
