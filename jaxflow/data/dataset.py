"""A dataset is a value: named splits with random access, and a schema of what they hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.schema import Schema, Split, map_arrays

if TYPE_CHECKING:  # they are fitted by sources, which lie above
    from jaxflow.data.series.encode import SeriesEncoding
    from jaxflow.data.tables.encode import TableEncoding
    from jaxflow.data.texts.encode import SentenceEncoding, TextEncoding


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

    def __repr__(self) -> str:
        parts = self.inputs if isinstance(self.inputs, Mapping) else {"inputs": self.inputs}
        arrays = {**parts, "targets": self.targets}
        told = ", ".join(f"{name}: {array.dtype}{array.shape[1:]}" for name, array in arrays.items())
        return f"ArraySplit({len(self):,} examples, {told})"

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
        return sum(part.nbytes for part in parts) + self.targets.size * min(self.targets.itemsize, 4)  # as in batches

    def take(self, indices: np.ndarray) -> "ArraySplit":
        """Returns the split of the examples at `indices`, in that order."""
        rows = self.rows(indices)
        lines = None if self.lines is None else self.lines[indices]
        return ArraySplit(rows["inputs"], rows["targets"], [self.ids[i] for i in indices], lines)

    @property
    def in_memory(self) -> bool:
        """Whether the inputs lie in memory, so that they may be copied to a device as a whole."""
        return True


def lines_of(split: Split) -> np.ndarray | None:
    """Returns the line of its file where each example begins, (examples,); None where they are not lines of one."""
    return getattr(split, "lines", None)


def name_of(split: Split, index: int) -> str:
    """Returns what people call the example at `index`: its id, and the line of its file where there is one."""
    lines = lines_of(split)
    return split.id(index) if lines is None else f"line {lines[index]} ({split.id(index)})"


@dataclass(frozen=True, eq=False)
class ShiftedSplit:
    """A split whose values are as a program takes them: float32, less its origins and less a shift.

    Attributes:
      split: the split; its targets are values in the data's units, float64 where float32 would lose digits.
      shift: what is subtracted from the values of every example, (values,) float64.
    """

    split: Split
    shift: np.ndarray

    def __len__(self) -> int:
        return len(self.split)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Gathers the examples at `indices`, as `Split.rows`."""
        rows = self.split.rows(indices)
        return {**rows, "targets": self._shifted(rows["targets"], indices)}

    def id(self, index: int) -> str:
        """Returns the name of the example at `index`."""
        return self.split.id(index)

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, values) float32."""
        return self._shifted(self.split.targets, np.arange(len(self)))

    @property
    def nbytes(self) -> int:
        """Bytes that the whole split takes in memory, or would take there."""
        return self.split.nbytes

    @property
    def in_memory(self) -> bool:
        """Whether the inputs lie in memory."""
        return getattr(self.split, "in_memory", False)

    def _shifted(self, targets: np.ndarray, indices: np.ndarray) -> np.ndarray:
        origins = origins_of(self.split, indices)
        return (targets - (0.0 if origins is None else origins) - self.shift).astype(np.float32)


def shifted_split(split: Split, shift: Sequence[float] | None = None) -> Split:
    """Returns a split of values as a program takes them; one of classes, or of float32 values, as it is.

    Args:
      split: the split. What its `origins(indices)` returns, where it has such a method, is subtracted first:
        (batch, values) float64 that each example's values are measured from, or None where they are not.
      shift: what is subtracted from the values of every example, as `Regression.shift`; None for nothing.
    """
    kind = split.targets.dtype
    if kind.kind != "f" or (kind == np.float32 and shift is None and origins_of(split, np.arange(0)) is None):
        return split
    shifted = ShiftedSplit(split, np.array(0.0 if shift is None else shift, np.float64))
    return replace(split, targets=shifted.targets) if isinstance(split, ArraySplit) else shifted


def origins_of(split: Split, indices: np.ndarray) -> np.ndarray | None:
    """Returns what the values of the examples at `indices` are measured from, (batch, values); None where from 0."""
    origins = getattr(split, "origins", None)
    return None if origins is None else origins(indices)


def restored_values(values: np.ndarray, shift: Sequence[float] | None, origins: np.ndarray | None = None) -> np.ndarray:
    """Adds what was subtracted from targets to the values that a program predicts.

    Args:
      values: (examples, values) float32, or (examples, levels, values), such as quantiles; (examples,) are on a
        scale of their own.
      shift: as `shifted_split` takes it.
      origins: (examples, values) float64, as `origins_of` returns them.

    Returns:
      The values in the data's units: float64, without digits that float32 cannot tell; as they are where nothing was
      subtracted.
    """
    if values.ndim < 2 or (shift is None and origins is None):
        return values
    exact = values.astype(np.float64) + (0.0 if shift is None else np.array(shift))
    if origins is not None:
        exact += origins if values.ndim == 2 else origins[:, None]
    known = np.spacing(np.abs(values).max(initial=1e-9).astype(np.float32))
    return exact.round(max(0, int(np.ceil(-np.log10(known)))))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named splits ("train", "validation" where there is one, "test") and their schema.

    Attributes:
      excluded: how many examples were left out, by the source's own split ("all" where it has none) or by the reason;
        empty if none.
      input_encoding: how rows of tables and series, or texts, become inputs, as the source fitted it to training; None
        where it fitted nothing. It travels with the state, so that new data becomes inputs in the same way.
      groups: by split, the name of each example's group, of which none should lie in two splits; empty where there are
        no groups.
      written_in: what says which split an example belongs to, for example the folders; None where examples are held out
        by a rule.
    """

    splits: Mapping[str, Split]
    schema: Schema
    excluded: Mapping[str, int] = field(default_factory=dict)
    input_encoding: "TableEncoding | TextEncoding | SentenceEncoding | SeriesEncoding | None" = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    written_in: str | None = None
