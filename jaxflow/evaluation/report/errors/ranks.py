"""Errors where classes have an order: the confusion matrix in it, and how many classes answers are off by."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from jaxflow.evaluation.report.errors.base import Measured, Tested
from jaxflow.evaluation.report.errors.classes import Classes
from jaxflow.reports.blocks import Block
from jaxflow.reports.figures.classes import confused_pairs, confusion, never_true, off_by
from jaxflow.schema import IGNORE, Split


@dataclass
class Ranks(Classes):
    """A class with an order for each example."""

    def measured(self, test: Split) -> Measured:
        """Returns how many classes each answer is off by."""
        ranks = self._ranks(int(max(test.targets.max(), np.concatenate(self.predicted).max())) + 1)
        off = np.abs(ranks[np.concatenate(self.predicted)] - ranks[test.targets]).astype(np.float64)
        return Measured("classes off", np.where(test.targets == IGNORE, np.nan, off))

    def _confusion(self, tested: Tested, usable: np.ndarray) -> list[Block]:
        ranks = self._ranks(len(tested.names))
        names = [tested.names[i] for i in np.argsort(ranks)]
        true, answered = ranks[tested.split.targets[usable]], ranks[np.concatenate(self.predicted)[usable]]
        counts = sparse.csr_array((np.ones(len(true), int), (true, answered)), shape=(len(names),) * 2)
        pairs = confused_pairs(counts, names, "examples")
        return [
            *never_true(np.bincount(true, minlength=len(names)), names),
            confusion(counts.toarray(), names, "examples", tested.folder / "confusion.svg"),
            off_by(answered - true, tested.folder / "off_by.svg"),
            *([pairs] if pairs else []),
        ]

    def _ranks(self, classes: int) -> np.ndarray:
        return self.problem.rank_of_class(classes)
