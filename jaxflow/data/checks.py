"""Checks of a dataset before anything is built on it."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE


def validate(dataset: Dataset) -> Dataset:
    """Validates a freshly loaded dataset: splits that are not empty, labels in range, finite targets.

    Args:
      dataset: the dataset.

    Returns:
      The dataset, as it came.

    Raises:
      UserError: a split is empty, a label lies outside the classes, or a value is not finite.
    """
    classes = len(dataset.schema.target.names)
    for name, split in dataset.splits.items():
        if len(split) == 0:
            raise UserError(f"the {name} split is empty; give it examples or change the split fractions of `data`")
        targets = split.targets
        if dataset.schema.target.kind == "number":
            wrong = np.flatnonzero(~np.isfinite(targets).all(axis=-1))
            if len(wrong):
                raise UserError(
                    f"{name} example {split.id(int(wrong[0]))} has the target {targets[wrong[0]].tolist()} "
                    f"({len(wrong)} such); targets are finite numbers: clean them or leave these examples out"
                )
            continue
        lowest = IGNORE if dataset.schema.target.dense_shape else 0
        wrong = np.argwhere((targets < lowest) | (targets >= classes))
        if len(wrong):
            raise UserError(
                f"{name} example {split.id(int(wrong[0][0]))} has label {targets[tuple(wrong[0])]}, outside "
                f"0..{classes - 1} ({len(wrong)} such labels); correct the labels or name all classes"
            )
    return dataset


def check_classes(
    names: Sequence[str], targets: np.ndarray, parts: Mapping[str, np.ndarray], source: str, plural: str
) -> None:
    """Checks that every class can be learned.

    Args:
      names: names of the classes.
      targets: (examples,) class indices.
      parts: indices of the examples of each split.
      source: where the examples come from, for the error.
      plural: what they are called, for the error.

    Raises:
      UserError: a class is not in the train split.
    """
    unknown = np.setdiff1d(np.arange(len(names)), targets[parts["train"]])
    if len(unknown):
        raise UserError(
            f"class {names[unknown[0]]!r} of {source} has {np.sum(targets == unknown[0])} {plural} and none in the "
            "train split; give it more, remove it, or stratify: split=HoldOut(stratify=True)"
        )
