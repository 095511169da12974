"""Data that is already in memory."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxflow.data.checks import report_unlearned, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.errors import UserError
from jaxflow.schema import Feature, Schema, Target

logger = logging.getLogger("jaxflow")

# By the rank of inputs: their kind.
KINDS: dict[int, Literal["series", "image"]] = {3: "series", 4: "image"}
MAX_CLASSES = 1 << 20


@dataclass(frozen=True)
class Arrays:
    """Arrays in memory, which are handed to train() and evaluate() as `dataset=from_arrays(x, y)`."""

    def load(self) -> Dataset:
        """Raises UserError: arrays cannot be written into an experiment, so nothing can be read again."""
        raise UserError(
            "data=Arrays() stands for arrays in memory: hand them over, train(experiment, workdir, "
            "dataset=from_arrays(x, y)), and evaluate(workdir, dataset=...) likewise"
        )


def from_arrays(
    x: Any,
    y: Any = None,
    numbers: Sequence[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    split: Any = None,
) -> Dataset:
    """Builds a dataset from arrays of inputs and targets: integers are class labels, floats are values.

    Args:
      x: inputs (examples, ...), which are split; or what is split already, {"train": (x, y), "test": (x, y)}, with
        "validation" where there is one; then `y` may be the class names.
      y: labels (examples,), integers, booleans or strings, or one-hot (examples, classes); or for regression values
        (examples,) or (examples, values).
      numbers: names of the values; with them integer targets are values too. Without them floats are named by their
        column, from 0.
      classes: class names; without them the labels name themselves.
      split: how x and y are split, by row; HoldOut() without it.

    Returns:
      The dataset; inputs of rank three are series (example, time, column), inputs of rank four images (example, height,
      width, channel), others are vectors.

    Raises:
      UserError: inputs and targets do not fit together, a split is empty, a label has no class, or a value is not
        finite.
    """
    if isinstance(x, Mapping):
        return _from_splits(x, classes if y is None else y, numbers)
    if y is None or (isinstance(x, tuple | list) and isinstance(x[0], np.ndarray)):
        raise UserError("give inputs and targets, from_arrays(x, y), or splits, from_arrays({'train': (x, y), ...})")
    inputs, targets = np.asarray(x), np.asarray(y)
    if len(inputs) != len(targets):
        raise UserError(f"there are {len(inputs)} inputs but {len(targets)} targets; give one target each")
    if numbers is None:
        targets, classes = _labels(targets, classes)
    parts = (HoldOut() if split is None else split).split(SplitKeys([str(row) for row in range(len(inputs))]))
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.items())
    logger.info(f"{len(inputs):,} examples, split by a hash of their row: {counts}")
    return _from_splits({name: (inputs[rows], targets[rows]) for name, rows in parts.items()}, classes, numbers)


def _labels(targets: np.ndarray, classes: Sequence[str] | None) -> tuple[np.ndarray, Sequence[str] | None]:
    """Returns labels as class indices, with the names of the classes where these are known; values stay as they are."""
    if targets.dtype == bool:
        return targets.astype(np.int32), classes or ("False", "True")
    texts = targets.dtype == object and all(isinstance(label, str) for label in targets.flat)
    if texts or targets.dtype.kind in "US":
        labels = targets.reshape(len(targets))
        names = [str(name) for name in (classes or np.unique(labels.astype(str)))]
        indices = {name: index for index, name in enumerate(names)}
        if unknown := sorted({str(label) for label in labels} - indices.keys()):
            raise UserError(
                f"targets hold the label {unknown[0]!r}, and classes are {', '.join(names)}; name all of them"
            )
        return np.array([indices[str(label)] for label in labels], np.int32), names
    if targets.ndim != 2 or targets.dtype.kind not in "iuf":
        return targets, classes
    if targets.shape[1] == 1 and targets.dtype.kind != "f":
        return targets[:, 0], classes
    if targets.shape[1] > 1 and np.isin(targets, (0, 1)).all() and (targets.sum(1) == 1).all():
        logger.info(f"targets are one-hot rows of {targets.shape[1]} classes")
        return targets.argmax(1), classes
    return targets, classes


def _from_splits(
    splits: Mapping[str, tuple[Any, Any]], classes: Sequence[str] | None, numbers: Sequence[str] | None
) -> Dataset:
    if "train" not in splits:
        raise UserError(f"there is no train split; there are {', '.join(splits) or 'none'}")
    for name, pair in splits.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise UserError(
                f"the {name} split is no pair; give inputs and targets: from_arrays({{'train': (x, y), ...}})"
            )
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
    if target.kind == "class":
        ends = np.cumsum([len(part) for part in targets.values()])
        parts = {name: np.arange(end - len(targets[name]), end) for name, end in zip(targets, ends)}
        report_unlearned(target.names, np.concatenate(list(targets.values())), parts)
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
    lowest = min((int(labels.min()) for labels in given.values() if len(labels)), default=0)
    if lowest < -MAX_CLASSES:  # which would wrap around
        raise UserError(f"labels go down to {lowest:,}; classes are numbered from 0")
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
        # Digits that float32 lacks are kept: what programs take of them is scaled first.
        kind = np.float32 if numbers.dtype in (np.float16, np.float32) else np.float64
        targets[split] = numbers.astype(kind).reshape(len(numbers), len(names))
    return Target("number", tuple(names)), targets
