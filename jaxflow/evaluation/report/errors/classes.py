"""Errors where each example has one class: how well classes are told apart, which are confused, the surest mistakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from jaxflow.evaluation.metrics.classes import CALIBRATION_BINS
from jaxflow.evaluation.report.errors.base import Measured, Tested, finite_rows, not_finite
from jaxflow.evaluation.report.errors.shown import MAX_SHOWN, Shown, how_many, show_examples
from jaxflow.evaluation.report.errors.thresholds import threshold_blocks
from jaxflow.evaluation.thresholds import positive_class
from jaxflow.reports.blocks import Block, Drawings, Text
from jaxflow.reports.figures.calibration import reliability
from jaxflow.reports.figures.classes import MAX_DRAWN, confused_pairs, confusion, never_true, worst_classes
from jaxflow.reports.figures.ranking import rank, ranking_curves
from jaxflow.reports.wording import percent
from jaxflow.schema import IGNORE, Split

# Classes whose probabilities are kept for curves of each against the rest.
MAX_RANKED = 100


@dataclass
class Classes:
    """A class for each example: the answered class and its probability, of all examples."""

    problem: Any
    predicted: list[np.ndarray] = field(default_factory=list)
    confidence: list[np.ndarray] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the answered class and its probability, and of few classes all probabilities."""
        probabilities = block["predictions"]
        predicted = np.asarray(self.problem.answer(probabilities))
        self.predicted.append(predicted)
        self.confidence.append(np.take_along_axis(probabilities, predicted[:, None], 1)[:, 0])
        if probabilities.shape[1] <= MAX_RANKED:
            self.probabilities.append(probabilities)

    def measured(self, test: Split) -> Measured:
        """Returns 1 where the answer is wrong, and 0 where it is right."""
        wrong = (np.concatenate(self.predicted) != test.targets).astype(np.float64)
        return Measured("share wrong", np.where(test.targets == IGNORE, np.nan, wrong))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns curves, the confusion matrix with its largest entries, thresholds, and the surest mistakes."""
        targets, confidence = tested.split.targets, np.concatenate(self.confidence)
        finite = finite_rows(confidence)
        usable = (targets != IGNORE) & finite
        shown = not_finite(tested, finite)
        if not usable.any():
            return [*shown, Text("No example of the test split has both a known class and a prediction.")]
        shown += [*self._confusion(tested, usable), *self._curves(tested, usable)]
        if len(tested.names) == 2 and self.probabilities:
            positive, used = positive_class(self.problem), getattr(self.problem, "threshold", 0.5)
            scores, held = np.concatenate(self.probabilities)[usable, positive], targets[usable] == positive
            shown += threshold_blocks(tested, scores, held, used, tested.names[positive], len(held))
        return [*shown, *self._mistakes(tested, usable, confidence)]

    def _confusion(self, tested: Tested, usable: np.ndarray) -> list[Block]:
        names, targets, predicted = tested.names, tested.split.targets[usable], np.concatenate(self.predicted)[usable]
        classes = len(names)
        counts = sparse.csr_array((np.ones(len(targets), int), (targets, predicted)), shape=(classes, classes))
        shown: list[Block] = list(never_true(np.bincount(targets, minlength=classes), names))
        if classes <= MAX_DRAWN:
            shown.append(confusion(counts.toarray(), names, "examples", tested.folder / "confusion.svg"))
        tables = (confused_pairs(counts, names, "examples"), worst_classes(counts, names))
        return [*shown, *(table for table in tables if table and classes > 2)]

    def _curves(self, tested: Tested, usable: np.ndarray) -> list[Block]:
        targets, confidence = tested.split.targets[usable], np.concatenate(self.confidence)[usable]
        right = np.concatenate(self.predicted)[usable] == targets
        file = tested.folder / "calibration.svg"
        calibration = reliability(confidence, right, CALIBRATION_BINS, "the answer", file)
        about = f"Of answers of probability 0.8, 8 in 10 should be right; here in {CALIBRATION_BINS} equal bins."
        shown: list[Block] = []
        if self.probabilities:
            probabilities = np.concatenate(self.probabilities)[usable]
            among = [positive_class(self.problem)] if len(tested.names) == 2 else range(len(tested.names))
            told_apart = [i for i in among if 0 < (targets == i).sum() < len(targets)]
            rankings = {tested.names[i]: rank(probabilities[:, i], targets == i) for i in told_apart}
            shown += [ranking_curves(rankings, tested.folder)] if rankings else []
        return [*shown, Drawings("Can its probabilities be believed?", about, [calibration])]

    def _mistakes(self, tested: Tested, usable: np.ndarray, confidence: np.ndarray) -> list[Block]:
        names, targets, predicted = tested.names, tested.split.targets, np.concatenate(self.predicted)
        wrong = np.flatnonzero(usable & (predicted != targets))
        if not len(wrong):
            return [Text("No prediction of the test split is wrong.")]
        surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:MAX_SHOWN]
        mistakes = [
            Shown(
                int(i),
                {
                    "predicted": f"{names[predicted[i]]} ({percent(float(confidence[i]), 100)})",
                    "true": names[targets[i]],
                },
            )
            for i in surest
        ]
        order = how_many(len(wrong), "the most confident")
        about = f"{len(wrong):,} of {int(usable.sum()):,} predictions are wrong; {order}."
        return show_examples(tested, "Wrong and sure of it", about, mistakes)
