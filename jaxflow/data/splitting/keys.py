"""What is known of examples when they are split: names, groups, classes, times, and what is written down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SplitKeys:
    """What splits are decided by.

    Attributes:
      ids: one stable name per example.
      groups: name of each example's group, which is kept in one split; None where each example is a group.
      classes: (examples,) class indices; None where an example has no class, or several.
      times: (examples,) numbers or dates; None where there are none.
      written: what is written down of each example, the name of its split or of its fold, None where nothing is; None
        where nothing is written down at all.
      written_in: where that is, for messages: "column fold of esc50.csv".
    """

    ids: Sequence[str]
    groups: Sequence[str] | None = None
    classes: np.ndarray | None = None
    times: np.ndarray | None = None
    written: Sequence[str | None] | None = None
    written_in: str = ""

    @property
    def unit_ids(self) -> Sequence[str]:
        """Names of the units that are held out: groups, or examples where there are none."""
        return self.ids if self.groups is None else self.groups

    def unwritten(self, indices: np.ndarray) -> "SplitKeys":
        """Returns the keys of the examples at `indices`, without what is written down of them."""
        return SplitKeys(
            [self.ids[index] for index in indices],
            None if self.groups is None else [self.groups[index] for index in indices],
            None if self.classes is None else self.classes[indices],
            None if self.times is None else self.times[indices],
        )


def make_unique(keys: Iterable[str]) -> list[str]:
    """Returns names that are all different: the second of equal keys gets "-2", and so on."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for key in keys:
        seen[key] += 1
        names.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return names


def groups_by_split(groups: Sequence[str] | None, parts: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """Returns the group of each example, by split; {} where there are no groups."""
    return {} if groups is None else {name: [groups[index] for index in chosen] for name, chosen in parts.items()}


def groups_across_splits(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Finds groups that are split across splits: what is tested on them was trained on."""
    counts = Counter(name for names in groups.values() for name in set(names))
    return sorted(name for name, count in counts.items() if count > 1)
