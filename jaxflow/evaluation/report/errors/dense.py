"""Errors where each pixel or token has a class."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from jaxflow.evaluation.report.errors.base import Measured, Tested
from jaxflow.reports.blocks import Block, Drawing
from jaxflow.reports.figures import masks as mask_figures
from jaxflow.reports.figures.classes import confused_pairs, confusion, never_true, overlaps
from jaxflow.reports.figures.texts import accuracy_by_position
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import NONE, percent
from jaxflow.schema import Split

# Examples that are named where most is wrong.
MAX_WORST = 10


@dataclass
class NextTokens:
    """A token for each position: how many are known and how many of them are right, (time,)."""

    correct: np.ndarray
    known: np.ndarray
    wrong: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Counts by position."""
        known = block["targets"] >= 0
        self.correct += ((block["predictions"] == block["targets"]) & known).sum(0)
        self.known += known.sum(0)
        self.wrong.append(_share_wrong(block))

    def measured(self, test: Split) -> Measured:
        """Returns the share of each window's known tokens that is wrong."""
        return Measured("share of tokens wrong", np.concatenate(self.wrong))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns the accuracy by position."""
        return [accuracy_by_position(self.correct, self.known, tested.folder / "accuracy_by_position.svg")]


@dataclass
class Tags:
    """A class at each token: pairs of true and predicted ones, (classes, classes)."""

    counts: np.ndarray
    wrong: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Counts pairs of classes."""
        known = block["targets"] >= 0
        self.counts += count_pairs(block["targets"][known], block["predictions"][known], len(self.counts))
        self.wrong.append(_share_wrong(block))

    def measured(self, test: Split) -> Measured:
        """Returns the share of each sentence's known tags that is wrong."""
        return Measured("share of tokens wrong", np.concatenate(self.wrong))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns which tags are confused."""
        names = tested.names
        pairs = confused_pairs(self.counts, names, "tokens")
        matrix = confusion(self.counts, names, "tokens", tested.folder / "confusion.svg")
        return [*never_true(self.counts.sum(1), names), matrix, *([pairs] if pairs else [])]


@dataclass
class Masks:
    """A class for each pixel: pairs of true and predicted classes, (classes, classes), and the masks of a few examples.

    Attributes:
      chosen: indices of these examples, ascending.
      examples: their masks.
      right: of each example so far the number of known pixels that are right, and of those that are known.
    """

    counts: np.ndarray
    chosen: np.ndarray
    examples: list[np.ndarray] = field(default_factory=list)
    right: list[tuple[int, int]] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Counts pairs of classes, and keeps the masks of the chosen examples."""
        targets, predictions, seen = block["targets"], block["predictions"], len(self.right)
        known = targets >= 0
        self.counts += count_pairs(targets[known], predictions[known], len(self.counts))
        here = self.chosen[(self.chosen >= seen) & (self.chosen < seen + len(targets))]
        self.examples.extend(predictions[here - seen])
        space = tuple(range(1, targets.ndim))
        self.right += zip(((targets == predictions) & known).sum(space).tolist(), known.sum(space).tolist())

    def measured(self, test: Split) -> Measured:
        """Returns the share of each example's known pixels that is wrong."""
        right, known = np.array(self.right, float).T
        shares = np.divide(known - right, known, out=np.full(len(known), np.nan), where=known > 0)
        return Measured("share of pixels wrong", shares)

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns examples with their masks, the overlap of each class, which are confused, and the worst examples."""
        test, schema, folder = tested.split, tested.dataset.schema, tested.folder
        names, rows, file = tested.names, test.rows(self.chosen), folder / "masks.svg"
        masks = (rows["targets"], np.stack(self.examples))
        mask_figures.examples(rows["inputs"], masks, ("true", "predicted"), names, file)
        noun = "voxels" if schema.inputs.kind == "volume" else "pixels"
        pairs = confused_pairs(self.counts, names, noun)
        shown = ", ".join(f"{test.id(int(i))} {self._share(int(i))}" for i in self.chosen)
        return [
            *never_true(self.counts.sum(1), names),
            Drawing(
                "Examples", file, f"Inputs, true and predicted masks, with the share of {noun} that is right: {shown}"
            ),
            overlaps(self.counts, names, folder / "overlaps.svg"),
            confusion(self.counts, names, noun, folder / "confusion.svg"),
            *([pairs] if pairs and len(names) > 2 else []),
            self._worst([test.id(index) for index in range(len(test))], noun),
        ]

    def _worst(self, ids: list[str], noun: str) -> Table:
        shares = np.array([right / known if known else np.inf for right, known in self.right])
        worst = np.argsort(shares, kind="stable")[: min(MAX_WORST, int(np.isfinite(shares).sum()))]
        rows = [[ids[index], self._share(int(index))] for index in worst]
        return Table("Where most is wrong", ("example", f"{noun} right"), rows)

    def _share(self, index: int) -> str:
        right, known = self.right[index]
        return percent(right / known, known) if known else NONE


def _share_wrong(block: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the share of each example's known positions that is wrong, (examples,); NaN where none is known."""
    known = block["targets"] >= 0
    wrong, of = (known & (block["targets"] != block["predictions"])).sum(1), known.sum(1)
    return np.divide(wrong, of, out=np.full(len(of), np.nan), where=of > 0)


def count_pairs(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Returns how often each class is predicted where each is true, (classes, classes) int."""
    pairs = targets.astype(int) * classes + predicted
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
