"""Errors where an example has any of several labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxflow.evaluation.metrics.classes import CALIBRATION_BINS
from jaxflow.evaluation.report.errors.base import NO_FIGURE, Measured, Tested, finite_rows, not_finite
from jaxflow.evaluation.report.errors.classes import MAX_RANKED
from jaxflow.evaluation.report.errors.shown import MAX_SHOWN, Shown, how_many, show_examples
from jaxflow.evaluation.report.errors.thresholds import threshold_blocks
from jaxflow.evaluation.thresholds import best_f1, outcomes
from jaxflow.reports.blocks import Block, Drawings, Text
from jaxflow.reports.figures.calibration import reliability
from jaxflow.reports.figures.classes import never_true
from jaxflow.reports.figures.ranking import rank, ranking_curves
from jaxflow.reports.tables import MAX_OPEN_ROWS, Table
from jaxflow.reports.wording import NONE, exact
from jaxflow.schema import Split


@dataclass
class Labels:
    """Labels that hold or do not: the probabilities of all examples, (examples, labels)."""

    problem: Any
    probabilities: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the probabilities."""
        self.probabilities.append(block["predictions"])

    def measured(self, test: Split) -> Measured:
        """Returns the share of each example's known labels that is answered wrongly."""
        wrong = (self._answers() != test.targets) & (test.targets >= 0)
        known = (test.targets >= 0).sum(1)
        shares = np.divide(wrong.sum(1), known, out=np.full(len(known), np.nan), where=known > 0)
        return Measured("share of labels wrong", shares)

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns scores of each label, curves, thresholds, calibration, and the examples that are most wrong."""
        probabilities, targets = np.concatenate(self.probabilities), tested.split.targets
        if probabilities.shape != targets.shape:
            return [NO_FIGURE]
        finite = finite_rows(probabilities)
        known = (targets >= 0) & finite[:, None]
        shown = not_finite(tested, finite)
        if not known.any():
            return [*shown, Text("No example of the test split has both a known label and a prediction.")]
        held = ((targets == 1) & known).sum(0)
        ranked = [i for i in range(len(held)) if 0 < held[i] < known[:, i].sum()][:MAX_RANKED]
        rankings = {tested.names[i]: rank(probabilities[known[:, i], i], targets[known[:, i], i] == 1) for i in ranked}
        right = targets[known] == 1
        calibration = reliability(
            probabilities[known], right, CALIBRATION_BINS, "a label", tested.folder / "calibration.svg"
        )
        about = f"Of labels with a probability of 0.8, 8 in 10 should hold; here in {CALIBRATION_BINS} equal bins."
        used = self.problem.threshold if isinstance(self.problem.threshold, float) else None
        return [
            *shown,
            *never_true(held, tested.names, "labels"),
            self._by_label(tested, probabilities, known),
            *([ranking_curves(rankings, tested.folder)] if rankings else []),
            Drawings("Can its probabilities be believed?", about, [calibration]),
            *threshold_blocks(tested, probabilities[known], right, used, "a label", int(known.any(1).sum())),
            *self._most_wrong(tested, probabilities, known),
        ]

    def _answers(self) -> np.ndarray:
        return np.asarray(self.problem.answer(np.concatenate(self.probabilities)))

    def _by_label(self, tested: Tested, probabilities: np.ndarray, known: np.ndarray) -> Table:
        """Returns precision, recall and F1 of each label by the threshold in use, and F1 by the best one."""
        each = np.broadcast_to(np.asarray(self.problem.threshold, float), (len(tested.names),))
        validated = tested.thresholds.get("f1") if tested.thresholds.get("split") == "validation" else None
        rows = []
        for i, name in enumerate(tested.names):
            scores, positive = probabilities[known[:, i], i], tested.split.targets[known[:, i], i] == 1
            best = best_f1(scores, positive) if positive.any() and not positive.all() else None
            best = validated[i] if validated and len(validated) == len(tested.names) else best
            found = [] if best is None else [best]
            counts = outcomes(scores, positive, [float(each[i]), *found])
            scored = [_scores(*turned_out) for turned_out in counts.tolist()]
            last = [f"{best:.3g}", scored[1][2]] if best is not None else [NONE, NONE]
            rows.append([name, f"{positive.sum():,}", f"{each[i]:g}", *scored[0], *last])
        where = "on validation" if validated else "on this test split, which flatters it"
        columns = ("label", "examples", "threshold", "precision", "recall", "F1", "best threshold", "F1 with it")
        return Table(
            f"Each label; the best threshold by F1 was chosen {where}", columns, rows, folded=len(rows) > MAX_OPEN_ROWS
        )

    def _most_wrong(self, tested: Tested, probabilities: np.ndarray, known: np.ndarray) -> list[Block]:
        """Returns the examples whose probabilities are farthest from the truth."""
        names, targets, answers = tested.names, tested.split.targets, self._answers()
        apart = np.where(known, np.abs(probabilities - (targets == 1)), 0.0).sum(1)
        wrong = (answers != targets) & known
        worst = np.argsort(-apart, kind="stable")[:MAX_SHOWN]
        examples = [
            Shown(
                int(i),
                {
                    "predicted": _joined(names, answers[i] == 1),
                    "true": _joined(names, targets[i] == 1),
                    "wrong": f"{wrong[i].sum()} of {known[i].sum()}",
                },
            )
            for i in worst
            if wrong[i].any()
        ]
        if not examples:
            return [Text("No label of the test split is wrong.")]
        amiss = int(wrong.any(1).sum())
        about = f"{amiss:,} of {len(targets):,} examples have a wrong label; {how_many(amiss, 'the most wrong')}."
        return show_examples(tested, "Most wrong", about, examples)


def _scores(right: int, false: int, missed: int) -> list[str]:
    """Returns precision, recall and F1 as a table has them."""
    parts = ((right, right + false), (right, right + missed), (2 * right, 2 * right + false + missed))
    return [exact(part / whole) if whole else NONE for part, whole in parts]


def _joined(names: tuple[str, ...], held: np.ndarray) -> str:
    return ", ".join(names[i] for i in np.flatnonzero(held)) or NONE
