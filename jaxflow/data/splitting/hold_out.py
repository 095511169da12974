"""HoldOut: fractions of the examples, by a keyed hash of their names."""

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from jaxflow.data.splitting.hashing import hash_fractions, least_of_equals, rank_in_class
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.sizes import report_small_train
from jaxflow.data.splitting.written import check_column, keep_written, require_no_column
from jaxflow.errors import UserError
from jaxflow.ranges import BelowOne, Seed, check_ranges

Rule = TypeVar("Rule")


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

    column: str | None = None
    """Column that says which split each example is in: train, validation (val, valid, dev) or test. Splits that it
    lacks are taken out of train; examples of which it says nothing are left out, and counted. None where nothing is
    written down."""
    table: str | None = field(default=None, metadata={"identity": False})
    """CSV or TSV file that `column` is in, where it is not the data's own table. It names examples in its column id,
    path or filename, else in its first one; files by their path below the folder, or by their name alone."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_column(self)
        if self.validation + self.test >= 1:
            raise UserError(f"split.validation and split.test are {self.validation + self.test:g}; nothing is left")

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Splits examples.

        Args:
          examples: what is known of them.

        Returns:
          Ascending int64 indices of "train" and, where their fraction is not 0 or they are written down, "validation"
          and "test".

        Raises:
          UserError: a split would be empty, or what is written down names none.
        """
        if examples.written is not None:
            return keep_written(self, examples)
        require_no_column(self)
        fractions = hash_fractions(examples.unit_ids, self.seed)
        if self.stratify:
            if examples.groups is not None:
                raise UserError("split.stratify and groups do not go together; leave one of them out, or use KFold")
            if examples.classes is None:
                raise UserError(
                    "split.stratify needs classes, and the target is a number, or several targets; leave it out"
                )
            # Exact in each class: ranks in (0, 1) take the place of the hashes.
            sizes = np.bincount(examples.classes)[examples.classes]
            fractions = least_of_equals((rank_in_class(fractions, examples.classes) + 0.5) / sizes, examples.ids)
        test, held_out = fractions < self.test, fractions < self.test + self.validation
        parts = {"train": ~held_out, "validation": held_out & ~test, "test": test}
        wanted = {"train": 1.0, "validation": self.validation, "test": self.test}
        indices = {name: np.flatnonzero(part) for name, part in parts.items() if wanted[name] > 0}
        empty = [name for name, chosen in indices.items() if len(chosen) == 0]
        if empty:
            advice = "give more data, or change data.split"
            if examples.groups is not None:
                count = len(set(examples.groups))
                advice = f"{count} groups are few to draw from: split=KFold(folds={max(count, 3)}) deals them evenly"
            raise UserError(f"of {len(test)} examples none would be in the {empty[0]} split; {advice}")
        report_small_train(indices)
        return indices


def as_rule(split: Rule | str) -> Rule | HoldOut:
    """Returns a split rule; text names the column where splits are written down."""
    return HoldOut(column=split) if isinstance(split, str) else split
