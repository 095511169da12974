"""Checks of a dataset before anything is built on it."""

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE


def validate(dataset: Dataset) -> Dataset:
    """Looks at a freshly loaded dataset before anything is built on it.

    Args:
      dataset: the dataset.

    Returns:
      The dataset, as it came.

    Raises:
      UserError: a split is empty, a label lies outside the classes, or a target is no finite number.
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
