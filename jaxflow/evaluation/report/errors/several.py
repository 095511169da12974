"""Errors where an example has several classes at once, each one of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxflow.evaluation.report.errors.base import NO_FIGURE, Measured, Tested
from jaxflow.reports.blocks import Block, Drawing, Drawings
from jaxflow.reports.figures.classes import MAX_DRAWN, confusion
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import percent
from jaxflow.schema import Split

# Targets whose confusion is drawn.
MAX_TARGETS = 6


@dataclass
class SeveralClasses:
    """Several classes for each example: the answered ones of all examples, where a problem has one for each."""

    answer: Any
    answers: list[np.ndarray] = field(default_factory=list)
    losses: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the answers."""
        answers = block["answer"] if "answer" in block else self.answer(block["predictions"])
        self.answers.append(np.asarray(answers))
        self.losses.append(block.get("loss", np.full(len(self.answers[-1]), np.nan)))

    def measured(self, test: Split) -> Measured:
        """Returns the share of each example's known classes that is wrong, or the loss where answers are no classes."""
        answers, targets = np.concatenate(self.answers), test.targets
        if answers.shape != targets.shape:
            return Measured("loss", np.concatenate(self.losses).astype(np.float64))
        known = targets >= 0
        wrong, of = ((answers != targets) & known).sum(1), known.sum(1)
        return Measured("share of classes wrong", np.divide(wrong, of, out=np.full(len(of), np.nan), where=of > 0))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns how often each target is right, and which of its classes are confused."""
        if not self.answers:  # when a report of an earlier version is written again
            return [NO_FIGURE]
        answers, targets = np.concatenate(self.answers), tested.split.targets
        if answers.shape != targets.shape or answers.dtype.kind not in "iu":
            return [NO_FIGURE]
        drawn: list[Drawing] = []
        rows = []
        for place, (name, classes) in enumerate(tested.dataset.schema.target.choices.items()):
            known = targets[:, place] >= 0
            true, answered = targets[known, place], answers[known, place]
            right = percent(float((true == answered).mean()), len(true)) if len(true) else ""
            rows.append([name, f"{len(classes):,}", f"{len(true):,}", right])
            if len(drawn) < MAX_TARGETS and len(classes) <= MAX_DRAWN and len(true):
                counts = np.zeros((len(classes), len(classes)), int)
                np.add.at(counts, (true, answered), 1)
                file = tested.folder / f"confusion_{place + 1}.svg"
                matrix = confusion(counts, classes, "examples", file)
                drawn.append(Drawing(name, file, f"{name}: {matrix.alt}", matrix.table))
        table = Table("How often each target is right", ("target", "classes", "examples", "right"), rows)
        about = "True classes are in rows, predicted ones in columns."
        return [table, *([Drawings("Which classes are taken for which", about, drawn)] if drawn else [])]
