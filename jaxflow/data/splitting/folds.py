"""KFold: equal parts, each the test of one of several runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from jaxflow.data.splitting.hashing import hash_fractions, hash_names, rank_in_class
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.written import check_column, report_crossing, require_no_column, splits_named, where_written
from jaxflow.errors import UserError, listed
from jaxflow.ranges import MAX_INT, Range, Seed, Whole, check_ranges


@dataclass(frozen=True)
class KFold:
    """One of `folds` equal parts for the test, the next one for validation, and the others to train on.

    `--folds all` runs one after the other. Examples are dealt by a hash of their names, so none changes its part when
    others are added; groups, and classes with `stratify`, are dealt so that parts are as equal as they can be.
    """

    fold: Whole = 0
    """Which part is the test, from 0."""
    folds: Annotated[int, Range(2, MAX_INT)] = 5
    """How many parts there are."""
    seed: Seed = 0
    """Seed of the parts."""
    stratify: bool = False
    """Whether each class is dealt evenly; with groups, as evenly as whole groups allow."""
    validation: bool = True
    """Whether the part after the test's is for validation. Without, it is trained on too, and no checkpoint is the
    best."""

    column: str | None = None
    """Column that names the fold of each example, in place of a hash. Examples of which it says nothing are left out,
    and counted. None where nothing is written down."""
    table: str | None = field(default=None, metadata={"identity": False})
    """CSV or TSV file that `column` is in, as HoldOut's."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_column(self)
        if self.fold >= self.folds:
            raise UserError(f"split has fold {self.fold} of {self.folds}; folds are counted from 0")
        if self.folds == 2 and self.validation:
            raise UserError("split.folds is 2: with one for the test and one for validation none is left to train on")

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples, as `HoldOut.split`; over all folds each is in the test once."""
        part = self._parts(examples)
        next_fold = (self.fold + 1) % self.folds if self.validation else self.fold
        parts = {"train": (part >= 0) & (part != self.fold) & (part != next_fold)}
        parts |= {"validation": part == next_fold} if self.validation else {}
        indices = {name: np.flatnonzero(of) for name, of in (parts | {"test": part == self.fold}).items()}
        empty = [name for name, chosen in indices.items() if len(chosen) == 0]
        if empty:
            raise UserError(
                f"of {len(part)} examples none would be in the {empty[0]} split; give more data, or use fewer folds"
            )
        if examples.written is not None:
            report_crossing(examples, indices)
        return indices

    def _parts(self, examples: SplitKeys) -> np.ndarray:
        """Returns the part of each example, (examples,) integers; -1 for those that are in none."""
        if examples.written is not None:
            return self._written_parts(examples)
        require_no_column(self)
        if self.stratify and examples.classes is None:
            raise UserError(
                "split.stratify needs classes, and the target is a number, or several targets; leave it out"
            )
        classes = examples.classes if self.stratify else None
        groups = examples.groups
        if groups is None and classes is not None and len(set(examples.ids)) < len(examples.ids):
            groups = examples.ids  # equal examples are kept together
        if groups is not None:
            return _deal_groups(groups, classes, self.folds, self.seed)
        fractions = hash_fractions(examples.ids, self.seed)
        if classes is None:
            return (fractions * self.folds).astype(int)
        sizes = np.bincount(classes)
        first = np.cumsum(sizes) - sizes  # each class goes on where the one before it ended: no part has all remainders
        return (rank_in_class(fractions, classes) + first[classes]) % self.folds

    def _written_parts(self, examples: SplitKeys) -> np.ndarray:
        assert examples.written is not None
        if self.column is None:
            raise UserError(f"data.split is KFold, but the data is split by {examples.written_in}; use HoldOut")
        names = sorted({name for name in examples.written if name is not None}, key=_natural_order)
        if splits := sorted(splits_named(names)):
            named = "these are" if len(splits) == len(names) else f"{listed(splits)} is no fold:"
            raise UserError(
                f"{examples.written_in} holds {listed(names, 5)}: {named} names of splits, and KFold would train on "
                f"what is to be tested; write split=HoldOut({where_written(self)})"
            )
        if len(names) != self.folds:
            advice = f"write KFold(folds={len(names)}, {where_written(self)})" if len(names) > 1 else "name another"
            raise UserError(
                f"{examples.written_in} has {len(names)} folds ({listed(names, 10)}), and split.folds is {self.folds}; "
                f"{advice}"
            )
        of: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        return np.array([of.get(name, -1) for name in examples.written])


def _deal_groups(groups: Sequence[str], classes: np.ndarray | None, folds: int, seed: int) -> np.ndarray:
    """Deals groups to parts, the largest first, each to the part that has least of what the group holds.

    Args:
      groups: name of each example's group.
      classes: (examples,) class indices, each of which is to be dealt evenly; None to deal the examples evenly.
      folds: number of parts.
      seed: seed of the order of groups of one size.

    Returns:
      (examples,) part of each example.

    Raises:
      UserError: there are fewer groups than parts.
    """
    names, of = np.unique(groups, return_inverse=True)
    if len(names) < folds:
        few = f"KFold(folds={len(names)}{', validation=False' if len(names) == 2 else ''})"
        raise UserError(
            f"there are {len(names)} groups for {folds} folds, and a group is kept in one; use "
            f"{few if len(names) > 1 else 'smaller groups'}"
        )
    labels = np.zeros(len(of), int) if classes is None else classes
    counts = np.zeros((len(names), labels.max() + 1))
    np.add.at(counts, (of, labels), 1)
    fractions = counts / np.maximum(counts.sum(0), 1)  # of each class
    held, dealt = np.zeros((folds, counts.shape[1])), np.zeros(len(names), int)
    for group in np.lexsort((hash_names(names.tolist(), seed), -counts.sum(1))):
        # To minimise the sum of squares of what parts hold; where that is the same, the smallest part.
        overlaps = (held @ fractions[group]).round(9)
        fold = np.lexsort((held.sum(1).round(9), overlaps))[0]
        held[fold] += fractions[group]
        dealt[group] = fold
    return dealt[of]


def _natural_order(name: str) -> tuple[bool, int, str]:
    """Returns a sort key by which fold 10 comes after fold 9."""
    digits = name.strip().isdecimal()
    return not digits, int(name) if digits else 0, name
