"""A dataset is a value: named splits with random access, and a schema that says what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from jaxflow.errors import UserError

# The target of a place whose class nobody knows, or that is padding: it counts nowhere.
VOID = -1


@dataclass(frozen=True)
class Feature:
    """What one example's input is: its kind, its shape without the batch axis, and its dtype.

    Attributes:
      kind: "image" (height, width, channel), "volume" (depth, height, width, channel), "audio" (sample,), "tokens"
        (token,), or "vector" for everything else.
      resize: how an image file of another size becomes one of `shape`: "stretch" resizes it to that height and width,
        "crop" keeps its proportions and cuts off what juts out on both sides, and "none" refuses it.
      rate: samples per second of audio.
      categories: how many values tokens have (one number), or each of the last columns of a vector that holds the
        numbers of categories.
    """

    kind: Literal["image", "volume", "audio", "tokens", "vector"]
    shape: tuple[int, ...]
    dtype: str
    resize: Literal["none", "stretch", "crop"] = "none"
    rate: int | None = None
    categories: tuple[int, ...] = ()


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes:
      kind: "class" for one of `names`, stored as its index, (examples,) int32; "number" for a number under each of
        `names`, (examples, names) float32.
      over: the places of an example that have a class each, (height, width) of a mask or (time,) of tokens; () where
        the example has one. Their indices are the smallest signed integers that hold them, (examples, *over), and VOID
        where nobody knows the class.
    """

    kind: Literal["class", "number"]
    names: tuple[str, ...]
    over: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example's target."""
        return (len(self.names),) if self.kind == "number" else self.over

    @property
    def dtype(self) -> str:
        """Dtype of the targets."""
        if self.kind == "number":
            return "float32"
        return np.min_scalar_type(-len(self.names)).name if self.over else "int32"


@dataclass(frozen=True)
class Schema:
    """The inputs and the target of every example of a dataset."""

    inputs: Feature
    target: Target


class Split(Protocol):
    """What every source must answer of a split; `ArraySplit` is the one that lies in memory."""

    def __len__(self) -> int: ...

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Gathers the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        ...

    def id(self, index: int) -> str:
        """Names the example at `index`."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, ...): they are in memory wherever the inputs are."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split takes in memory, or would take there."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A split whose inputs and targets are arrays.

    Attributes:
      inputs: (examples, ...) array, for images uint8.
      targets: (examples, ...) array of classes or numbers, as `Target` says.
      ids: one stable name per example; it survives reordering and added data.
    """

    inputs: np.ndarray
    targets: np.ndarray
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Gathers the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        return {"inputs": self.inputs[indices], "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Names the example at `index`."""
        return self.ids[index]

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split takes in memory."""
        return self.inputs.nbytes + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "ArraySplit":
        """Makes the split of the examples at `indices`, in that order."""
        return ArraySplit(self.inputs[indices], self.targets[indices], [self.ids[i] for i in indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named splits ("train", "validation" where there is one, "test") and their schema.

    Attributes:
      left_out: how many examples were left out, by the source's own split ("all" where it has none) or by the reason;
        empty if none.
      encoding: what the source fitted to the training split to make inputs of what lies on disk, as JSON holds it; None
        where it fitted nothing. It travels with the state, so that new data becomes inputs in the same way.
      groups: by split, the name of each example's group, of which none should lie in two splits; empty where there are
        no groups.
    """

    splits: Mapping[str, Split]
    schema: Schema
    left_out: Mapping[str, int] = field(default_factory=dict)
    encoding: Mapping[str, Any] | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


def checked(dataset: Dataset) -> Dataset:
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
        lowest = VOID if dataset.schema.target.over else 0
        wrong = np.argwhere((targets < lowest) | (targets >= classes))
        if len(wrong):
            raise UserError(
                f"{name} example {split.id(int(wrong[0][0]))} has label {targets[tuple(wrong[0])]}, outside "
                f"0..{classes - 1} ({len(wrong)} such labels); correct the labels or name all classes"
            )
    return dataset
