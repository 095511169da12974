"""A dataset is a value: named splits with random access, and a schema of what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.schema import Schema, Split, map_arrays

if TYPE_CHECKING:  # they are fitted by sources, which lie above
    from jaxflow.data.tables.encode import TableEncoding
    from jaxflow.data.texts.encode import TextEncoding


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """A split whose inputs and targets are arrays.

    Attributes:
      inputs: (examples, ...) array, for images uint8; a dict of such where an example has several inputs.
      targets: (examples, ...) array of class indices or values, as `Target` has them.
      ids: one stable name per example, which does not change when data is reordered or added.
      lines: (examples,) the line of its file where each begins; None where they are not lines of one file.
    """

    inputs: np.ndarray | Mapping[str, np.ndarray]
    targets: np.ndarray
    ids: Sequence[str]
    lines: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Gathers the examples at `indices`: {"inputs": (batch, ...), "targets": (batch, ...)}."""
        return {"inputs": map_arrays(lambda leaf: leaf[indices], self.inputs), "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Returns the id of the example at `index`."""
        return self.ids[index]

    @property
    def nbytes(self) -> int:
        """Size of the whole split in memory, in bytes."""
        parts = self.inputs.values() if isinstance(self.inputs, Mapping) else [self.inputs]
        return sum(part.nbytes for part in parts) + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "ArraySplit":
        """Returns the split of the examples at `indices`, in that order."""
        rows = self.rows(indices)
        lines = None if self.lines is None else self.lines[indices]
        return ArraySplit(rows["inputs"], rows["targets"], [self.ids[i] for i in indices], lines)


def lines_of(split: Split) -> np.ndarray | None:
    """Returns the line of its file where each example begins, (examples,); None where they are not lines of one."""
    return getattr(split, "lines", None)


def name_of(split: Split, index: int) -> str:
    """Returns what people call the example at `index`: its id, and the line of its file where there is one."""
    lines = lines_of(split)
    return split.id(index) if lines is None else f"line {lines[index]} ({split.id(index)})"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named splits ("train", "validation" where there is one, "test") and their schema.

    Attributes:
      excluded: how many examples were left out, by the source's own split ("all" where it has none) or by the reason;
        empty if none.
      input_encoding: how rows of a table or texts become inputs, as the source fitted it to the training split; None
        where it fitted nothing. It travels with the state, so that new data becomes inputs in the same way.
      groups: by split, the name of each example's group, of which none should lie in two splits; empty where there are
        no groups.
      written_in: what says which split an example belongs to, for example the folders; None where examples are held out
        by a rule.
    """

    splits: Mapping[str, Split]
    schema: Schema
    excluded: Mapping[str, int] = field(default_factory=dict)
    input_encoding: "TableEncoding | TextEncoding | None" = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    written_in: str | None = None
