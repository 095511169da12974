"""Errors of reconstructions: how they are distributed, and the examples that are reconstructed worst."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxflow.evaluation.report.errors.base import Measured, Tested, finite_rows, not_finite
from jaxflow.evaluation.report.errors.shown import MAX_SHOWN, Shown, show_examples
from jaxflow.reports.blocks import Block
from jaxflow.reports.figures.masks import reconstruction_pairs
from jaxflow.reports.figures.values import sizes_of_errors
from jaxflow.reports.wording import exact
from jaxflow.schema import Split

# The file beside the predictions that holds a few inputs and reconstructions.
FILE = "reconstructions.npz"
# Examples whose reconstructions are drawn: half of them the worst, the others evenly over all errors.
MAX_DRAWN = 8


@dataclass
class Reconstructions:
    """The inputs themselves: the error of each example's reconstruction."""

    errors: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the errors."""
        self.errors.append(np.asarray(block["predictions"], np.float64))

    def measured(self, test: Split) -> Measured:
        """Returns the error of each example's reconstruction."""
        return Measured("reconstruction error", np.concatenate(self.errors))

    def chosen(self) -> np.ndarray:
        """Returns the examples whose reconstructions are drawn, (some,), the worst first."""
        errors = np.concatenate(self.errors)
        order = np.argsort(-np.where(np.isfinite(errors), errors, -np.inf), kind="stable")
        spread = np.linspace(0, len(order) - 1, MAX_DRAWN // 2).astype(int)
        return order[np.unique(np.concatenate([np.arange(min(MAX_DRAWN // 2, len(order))), spread]))]

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns how errors are distributed, inputs beside their reconstructions, and the worst examples."""
        errors = np.concatenate(self.errors)
        finite = finite_rows(errors)
        shown = not_finite(tested, finite)
        if not finite.any():
            return shown
        shown.append(sizes_of_errors(errors[finite], "error of the reconstruction", tested.folder / "errors.svg"))
        shown += _pairs(tested, errors)
        worst = np.argsort(-np.where(finite, errors, -np.inf), kind="stable")[:MAX_SHOWN]
        examples = [Shown(int(i), {"error": exact(float(errors[i]))}) for i in worst if finite[i]]
        about = "What is reconstructed worst is what is least like the training data."
        return [*shown, *show_examples(tested, "The largest errors", about, examples)]


def _pairs(tested: Tested, errors: np.ndarray) -> list[Block]:
    """Returns inputs beside their reconstructions, where some are stored and can be drawn."""
    path, feature = tested.folder.parent / "predictions" / FILE, tested.dataset.schema.inputs
    if feature.kind not in ("image", "volume", "audio", "series") or not path.exists():
        return []
    with np.load(path) as file:
        index, outputs = file["index"], file["outputs"]  # (some,), (some, numbers, 2)
    if index.max() >= len(errors):
        return []
    names = [f"{name}: {exact(float(errors[i]))}" for name, i in zip(tested.called(index), index)]
    shape = feature.shape if outputs.shape[1] == feature.size else (outputs.shape[1],)
    both = [outputs[..., side].reshape(-1, *shape) for side in (1, 0)]
    return [reconstruction_pairs(both[0], both[1], names, Path(tested.folder / "reconstructions.svg"))]
