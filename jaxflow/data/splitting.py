"""Train/validation/test splits by a keyed hash of example ids, which reordered files do not change."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxflow.errors import UserError
from jaxflow.ranges import MAX_INT, BelowOne, Range, Seed, Whole, check_ranges


def split_size(fraction: float, size: int, field: str) -> int:
    """Converts a fraction of the examples to a number of them.

    Args:
      fraction: in [0, 1).
      size: number of all examples.
      field: name of the fraction, for the error.

    Returns:
      The number, rounded to the nearest; 0 only for a fraction of 0.

    Raises:
      UserError: one side would be empty.
    """
    count = round(fraction * size) if 0 <= fraction < 1 else size
    if count >= size or (fraction > 0 and count == 0):
        raise UserError(
            f"{field} is {fraction:g}: of {size} examples one side would be empty; use a fraction in (0, 1)"
        )
    return count


def split_by_hash(ids: Sequence[str], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples in two, the same way wherever the same ids are met.

    The examples with the smallest keyed hashes are held out, so an example changes sides only if added data moves the
    threshold past it.

    Args:
      ids: one stable name per example.
      count: how many to hold out.
      seed: the split's own seed; another one holds out other examples.

    Returns:
      Indices that remain and indices held out, each int64 and ascending.

    Raises:
      UserError: nothing would remain.
    """
    if count >= len(ids):
        raise UserError(f"{count} of {len(ids)} examples would be held out and none left; make the fractions smaller")
    order = np.argsort(_hash_fractions(ids, seed), kind="stable")
    return np.sort(order[count:]), np.sort(order[:count])


@dataclass(frozen=True, eq=False)
class SplitKeys:
    """What splits are decided by.

    Attributes:
      ids: one stable name per example.
      groups: name of each example's group, which is kept in one split; None where each example is a group.
      classes: (examples,) class indices; None for regression targets.
      times: (examples,) numbers or dates; None where there are none.
    """

    ids: Sequence[str]
    groups: Sequence[str] | None = None
    classes: np.ndarray | None = None
    times: np.ndarray | None = None

    @property
    def unit_ids(self) -> Sequence[str]:
        """Names of the units that are held out: groups, or examples where there are none."""
        return self.ids if self.groups is None else self.groups

    def take(self, indices: np.ndarray) -> "SplitKeys":
        """Returns the keys of the examples at `indices`."""
        return SplitKeys(
            [self.ids[index] for index in indices],
            None if self.groups is None else [self.groups[index] for index in indices],
            None if self.classes is None else self.classes[indices],
            None if self.times is None else self.times[indices],
        )


@dataclass(frozen=True)
class HoldOut:
    """Fractions of the examples for validation and test. No example changes sides when others are added."""

    validation: BelowOne = 0.1
    """Fraction of the examples held out for validation; 0 for none."""
    test: BelowOne = 0.1
    """Fraction of the examples held out for the test; 0 for none."""
    seed: Seed = 0
    """Seed of the split, apart from the run's seed, so that comparing seeds does not mix splits."""
    stratify: bool = False
    """Whether every class gives its fraction to the nearest example, for small or rare classes. An example at the edge
    may then change sides when others are added. Not with groups."""

    def __post_init__(self) -> None:
        _check_fractions(self)

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples.

        Args:
          examples: what is known of them.

        Returns:
          Ascending int64 indices of "train" and, where their fraction is not 0, "validation" and "test".

        Raises:
          UserError: a split would be empty.
        """
        fractions = _hash_fractions(examples.unit_ids, self.seed) / 2.0**64  # in [0, 1)
        if self.stratify:
            if examples.groups is not None:
                raise UserError("split.stratify and groups do not go together; leave one of them out")
            if examples.classes is None:
                raise UserError("split.stratify needs classes, and the target is a number; leave it out")
            fractions = _ranks(fractions, examples.classes)
        return _indices(fractions < self.test, fractions < self.test + self.validation, self)


@dataclass(frozen=True)
class TimeSplit:
    """The last examples for the test, those before them for validation: what is predicted lies after what is known."""

    validation: BelowOne = 0.1
    """Fraction of the examples held out for validation; 0 for none."""
    test: BelowOne = 0.1
    """Fraction of the examples held out for the test; 0 for none."""

    def __post_init__(self) -> None:
        _check_fractions(self)

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples by their times, as `HoldOut.split`; examples of one time are kept in one split."""
        if examples.times is None:
            raise UserError("split TimeSplit needs times; name the data's column of times")
        if examples.groups is not None:
            raise UserError("split TimeSplit and groups do not go together: a group may last; leave one of them out")
        # The fraction of all examples that is not before this one.
        after = 1 - np.searchsorted(np.sort(examples.times), examples.times) / len(examples.times) - 1e-9
        return _indices(after < self.test, after < self.test + self.validation, self)


@dataclass(frozen=True)
class KFold:
    """One of `folds` equal parts for the test, the next one for validation, and the others to train on."""

    fold: Whole = 0
    """Which part is the test, from 0."""
    folds: Annotated[int, Range(3, MAX_INT)] = 5
    """How many parts there are."""
    seed: Seed = 0
    """Seed of the parts."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.fold >= self.folds:
            raise UserError(f"split has fold {self.fold} of {self.folds}; folds are counted from 0")

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples, as `HoldOut.split`; over all folds each is in the test once."""
        part = (_hash_fractions(examples.unit_ids, self.seed) / 2.0**64 * self.folds).astype(int)
        test = part == self.fold
        validation = part == (self.fold + 1) % self.folds
        return _indices(test, test | validation, self)


def make_unique(keys: Iterable[str]) -> list[str]:
    """Returns names that are all different: the second of equal keys gets "-2", and so on."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for key in keys:
        seen[key] += 1
        names.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return names


def _hash_fractions(names: Sequence[str], seed: int) -> np.ndarray:
    """Hashes names to uint64, evenly.

    SHA-256 rather than a random permutation: keyed by the name itself, it does not depend on the order of the files.
    """
    hashes = [hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in names]
    return np.array([int.from_bytes(h, "big") for h in hashes], np.uint64)


def _ranks(fractions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Converts fractions to ranks within each class, in (0, 1), so that each class is divided exactly."""
    ranks = np.empty(len(fractions))
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        order = members[np.argsort(fractions[members], kind="stable")]
        ranks[order] = (np.arange(len(members)) + 0.5) / len(members)
    return ranks


def _indices(test: np.ndarray, held_out: np.ndarray, split: HoldOut | TimeSplit | KFold) -> dict[str, np.ndarray]:
    parts = {"train": ~held_out, "validation": held_out & ~test, "test": test}
    indices = {name: np.flatnonzero(part) for name, part in parts.items() if getattr(split, name, 1) > 0}
    empty = [name for name, chosen in indices.items() if len(chosen) == 0]
    if empty:
        raise UserError(
            f"of {len(test)} examples none would be in the {empty[0]} split; give more data, or change data.split"
        )
    return indices


def _check_fractions(split: HoldOut | TimeSplit) -> None:
    check_ranges(split)
    if split.validation + split.test >= 1:
        raise UserError(f"split.validation and split.test are {split.validation + split.test:g}; nothing is left")


def groups_by_split(groups: Sequence[str] | None, parts: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Returns the group of each example, by split; {} where there are no groups."""
    return {} if groups is None else {name: [groups[index] for index in chosen] for name, chosen in parts.items()}


def groups_across_splits(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Finds groups that are split across splits: what is tested on them was trained on."""
    counts = Counter(name for names in groups.values() for name in set(names))
    return sorted(name for name, count in counts.items() if count > 1)
