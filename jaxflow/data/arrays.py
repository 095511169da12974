"""Data that is already in memory."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.errors import UserError


def from_arrays(splits: Mapping[str, tuple[np.ndarray, np.ndarray]], classes: Sequence[str] | None = None) -> Dataset:
    """Makes a dataset from arrays of inputs and integer labels.

    Args:
      splits: by name ("train", "validation", "test"), inputs (examples, ...) and labels (examples,).
      classes: class names; without them the labels name themselves.

    Returns:
      The dataset; inputs of rank four are images (example, height, width, channel), others are vectors.

    Raises:
      UserError: inputs and labels do not fit together, a split is empty, or a label has no class.
    """
    if "train" not in splits:
        raise UserError(f"there is no train split; there are {', '.join(splits) or 'none'}")
    shape = np.shape(splits["train"][0])[1:]
    for name, (inputs, labels) in splits.items():
        if len(inputs) != len(labels):
            raise UserError(f"the {name} split has {len(inputs)} inputs but {len(labels)} labels; give one label each")
        if np.shape(inputs)[1:] != shape:
            raise UserError(f"inputs of the {name} split have shape {np.shape(inputs)[1:]}, those of train {shape}")
        if not np.issubdtype(np.asarray(labels).dtype, np.integer):
            raise UserError(f"labels of the {name} split are {np.asarray(labels).dtype}; class labels are integers")
    if classes is None:
        highest = max((int(np.max(labels)) for _, labels in splits.values() if len(labels)), default=-1)
        classes = tuple(str(i) for i in range(highest + 1))
    inputs = np.asarray(splits["train"][0])
    feature = Feature("image" if inputs.ndim == 4 else "vector", inputs.shape[1:], str(inputs.dtype))
    made = {
        name: ArraySplit(np.asarray(x), np.asarray(y).astype(np.int32), [f"{name}_{i}" for i in range(len(y))])
        for name, (x, y) in splits.items()
    }
    return checked(Dataset(made, Schema(feature, Target("class", tuple(classes)))))
