"""Checks of a dataset before anything is built on it."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.errors import UserError, listed
from jaxflow.ranges import MAX_INT
from jaxflow.schema import IGNORE, Feature, Features, Schema, Split, Target

logger = logging.getLogger("jaxflow")

# What a split must have.
MEMBERS = ("__len__", "rows", "id", "targets", "nbytes")


def validate(dataset: Dataset) -> Dataset:
    """Validates a freshly loaded dataset: splits that are not empty, labels in range, finite targets.

    Args:
      dataset: the dataset.

    Returns:
      The dataset, as it came.

    Raises:
      UserError: a split is empty, a label lies outside the classes, a value is not finite, two targets or classes have
        one name, or inputs are no numbers that devices have, or no tokens of the vocabulary.
    """
    target = dataset.schema.target
    for names in (target.names, *(target.choices.values() if target.several else ())):
        twice, count = Counter(names).most_common(1)[0] if names else ("", 0)
        if count > 1:
            raise UserError(f"two targets or classes of the data are named {twice!r}; give each a name of its own")
    for name, split in dataset.splits.items():
        if len(split) == 0:
            raise UserError(f"the {name} split is empty; give it examples or change the split fractions of `data`")
        _check_inputs(name, getattr(split, "inputs", None))
        _check_tokens(name, split, dataset.schema.inputs)
        targets = split.targets
        if target.kind == "number":
            wrong = np.flatnonzero(~np.isfinite(targets).all(axis=-1))
            if len(wrong):
                raise UserError(
                    f"{name} example {name_of(split, int(wrong[0]))} has the target {targets[wrong[0]].tolist()} "
                    f"({len(wrong)} such); targets are finite numbers: clean them or leave these examples out"
                )
            continue
        _check_labels(name, split, target)
    return dataset


def _check_inputs(name: str, inputs: Any) -> None:
    """Raises if inputs in memory are no numbers, or whole numbers that would wrap around on a device, to 32 bits."""
    for array in inputs.values() if isinstance(inputs, Mapping) else [inputs]:
        if not isinstance(array, np.ndarray):
            continue
        if array.dtype.kind not in "biuf":
            raise UserError(f"inputs of the {name} split are {array.dtype}; they are integers, floats or booleans")
        if array.dtype.kind in "iu" and array.dtype.itemsize > 4 and array.size:
            low, high = int(array.min()), int(array.max())
            if not -MAX_INT - 1 <= low <= high <= MAX_INT:
                raise UserError(
                    f"inputs of the {name} split are integers from {low:,} to {high:,}, and devices have 32 bits; give "
                    "floats, less their mean"
                )


def _check_tokens(name: str, split: Split, feature: Feature) -> None:
    """Raises UserError if inputs in memory hold a token that is not of the vocabulary, whose vector nobody knows."""
    inputs = getattr(split, "inputs", None)
    parts = feature.parts if isinstance(feature, Features) else (("inputs", feature),)
    arrays = inputs if isinstance(inputs, Mapping) else {"inputs": inputs}
    for part, of in parts:
        array = arrays.get(part)
        if not isinstance(array, np.ndarray) or isinstance(array, np.memmap):
            continue
        if (wrong := unknown_tokens(array, of)).any():
            row = int(wrong.argmax())
            told = (
                f"{name} example {name_of(split, row)} {explain_tokens(array[row], of)} ({wrong.sum():,} such examples)"
            )
            raise UserError(f"{told}; correct them, or the schema's Feature(vocab_size=N)")


def unknown_tokens(inputs: np.ndarray, feature: Feature) -> np.ndarray:
    """Returns which examples hold a token that is not of the vocabulary, (examples,) booleans; none where none is.

    Args:
      inputs: (examples, ...).
      feature: what they are.
    """
    size = feature.vocab_size
    if feature.kind != "tokens" or size is None or not inputs.size or 0 <= inputs.min() <= inputs.max() < size:
        return np.zeros(len(inputs), bool)
    outside = (inputs < 0) | (inputs >= size)
    return outside.reshape(len(inputs), -1).max(axis=1)


def explain_tokens(row: np.ndarray, feature: Feature) -> str:
    """Returns what is wrong with the tokens of an example, one of which is not of the vocabulary."""
    size = feature.vocab_size or 0
    wrong = row[(row < 0) | (row >= size)].ravel()[0]
    return f"holds the token {wrong}, outside 0..{size - 1}, of which the vocabulary is"


def _check_labels(name: str, split: Split, target: Target) -> None:
    """Raises if a class index of a split lies outside its classes; IGNORE is none of an example's one class."""
    several = target.several
    sizes = np.array([len(names) for names in target.choices.values()]) if several else len(target.names)
    lowest = 0 if target.kind == "class" and not target.dense_shape else IGNORE
    wrong = np.argwhere((split.targets < lowest) | (split.targets >= sizes))
    if len(wrong):
        first = tuple(wrong[0])
        size = sizes if isinstance(sizes, int) else int(sizes[first[1]])
        raise UserError(
            f"{name} example {name_of(split, int(first[0]))} has label {split.targets[first]}"
            f"{f' for {target.names[first[1]]}' if several else ''}, outside 0..{size - 1} ({len(wrong)} such labels); "
            "correct the labels or name all classes"
        )


def check_contract(dataset: Any, name: str) -> Dataset:
    """Returns what a source of the user's own loaded, if it is a dataset whose splits hold what its schema says.

    Args:
      dataset: what `load` returned.
      name: the source's class, for the error.

    Raises:
      UserError: it is something else.
    """
    what = f"load() of {name} returns"
    if not isinstance(dataset, Dataset) or not isinstance(dataset.schema, Schema):
        raise UserError(f"{what} {dataset!r:.60}; it must return a jaxflow.Dataset with a jaxflow.Schema")
    splits = dataset.splits if isinstance(dataset.splits, Mapping) else {}
    if "train" not in splits:
        raise UserError(f"{what} a dataset without a train split; `splits` needs one")
    for split, examples in splits.items():
        if lacking := [each for each in MEMBERS if not hasattr(examples, each)]:
            raise UserError(f"{what} a {split} split without {' and without '.join(lacking)} (jaxflow.Split)")
        _check_rows(examples, dataset.schema, f"the {split} split of {name}")
    return validate(dataset)


def _check_rows(split: Split, schema: Schema, where: str) -> None:
    """Raises if the first rows of a split are not of the shapes and dtypes of the schema."""
    count, targets = min(len(split), 2), np.asarray(split.targets)
    if targets.shape != (len(split), *schema.target.shape) or targets.dtype.kind not in "iuf":
        raise UserError(
            f"targets of {where} are {targets.dtype}{targets.shape}; the schema says "
            f"{schema.target.dtype}{(len(split), *schema.target.shape)}"
        )
    if not isinstance(split.nbytes, int | np.integer) or (count and not isinstance(split.id(0), str)):
        raise UserError(f"{where} must have an int for nbytes, and id(index) must return a string")
    rows = split.rows(np.arange(count))
    if not isinstance(rows, Mapping) or not {"inputs", "targets"} <= rows.keys():
        raise UserError(f"rows() of {where} returns {rows!r:.60}; it must return {{'inputs': ..., 'targets': ...}}")
    several = isinstance(schema.inputs, Features)
    features = dict(schema.inputs.parts) if isinstance(schema.inputs, Features) else {"inputs": schema.inputs}
    arrays = rows["inputs"] if several else rows
    wanted = {name: (feature.shape, feature.dtype) for name, feature in features.items()}
    for name, (shape, dtype) in (wanted | {"targets": (schema.target.shape, schema.target.dtype)}).items():
        array = rows["targets"] if name == "targets" else arrays.get(name) if isinstance(arrays, Mapping) else None
        found = (getattr(array, "shape", None), str(getattr(array, "dtype", type(array).__name__)))
        alike = array is not None and getattr(array, "dtype", np.dtype(object)).kind == np.dtype(dtype).kind
        if not alike or found[0] != (count, *shape):  # JAX brings 64 bits to 32
            raise UserError(
                f"{name} of rows() of {where} are {found[1]}{found[0]}; the schema says {dtype}{(count, *shape)}"
            )


def report_unlearned(names: Sequence[str], targets: np.ndarray, parts: Mapping[str, np.ndarray]) -> None:
    """Logs which classes of a split's positions, tags or characters, the train split does not have.

    Args:
      names: names of the classes.
      targets: (examples, ...) class indices, below 0 where there is none.
      parts: indices of the examples of each split.
    """
    for split, chosen in parts.items():
        here = np.unique(targets[chosen])
        lacking = [names[index] for index in np.setdiff1d(here[here >= 0], targets[parts["train"]])]
        if lacking:
            told = listed(map(repr, lacking))
            logger.warning(f"{split}: train has no {told}, which no model learns then; they count as wrong")


def report_untested(
    names: Sequence[str], targets: np.ndarray, parts: Mapping[str, np.ndarray], written_in: str
) -> None:
    """Logs classes that train alone has where splits are written down: a folder of unlabelled examples may be one.

    Args:
      names: names of the classes.
      targets: (examples,) class indices.
      parts: indices of the examples of each split.
      written_in: where the splits are written down; "" where they are not.
    """
    others = [targets[chosen] for split, chosen in parts.items() if split != "train"]
    if not written_in or not others:
        return
    alone = [names[index] for index in np.setdiff1d(targets[parts["train"]], np.concatenate(others))]
    if alone:
        logger.warning(
            f"by {written_in} train alone has {len(alone)} of the {len(names)} classes ({listed(alone, 5)}), which "
            "nothing measures then; remove what is none, such as unlabelled examples"
        )


def check_classes(
    names: Sequence[str],
    targets: np.ndarray,
    parts: Mapping[str, np.ndarray],
    source: str,
    plural: str,
    advice: str,
) -> None:
    """Checks that every class can be learned.

    Args:
      names: names of the classes.
      targets: (examples,) class indices.
      parts: indices of the examples of each split.
      source: where the examples come from, for the error.
      plural: what they are called, for the error.
      advice: what to do where a class is not in the train split.

    Raises:
      UserError: a class is not in the train split.
    """
    unknown = np.setdiff1d(np.arange(len(names)), targets[parts["train"]])
    if len(unknown):
        raise UserError(
            f"class {names[unknown[0]]!r} of {source} has {np.sum(targets == unknown[0])} {plural} and none in the "
            f"train split; {advice}"
        )
