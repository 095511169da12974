"""Errors of predicted numbers, of forecasts, and of quantiles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxflow.data.series.split import SeriesSplit
from jaxflow.evaluation.report.errors.base import NO_FIGURE, Measured, Tested, finite_rows, not_finite
from jaxflow.evaluation.report.errors.shown import Shown, show_examples
from jaxflow.reports.blocks import Block, Drawings
from jaxflow.reports.figures import series as series_figures
from jaxflow.reports.figures.calibration import coverage, widths
from jaxflow.reports.figures.values import error_distribution, predicted_against_true, residuals
from jaxflow.reports.wording import exact
from jaxflow.schema import Split

# Examples with the largest errors that are named.
MAX_WORST = 12


@dataclass
class Values:
    """Regression targets: the predicted values of all examples.

    Attributes:
      answer: returns the values of a problem's distributions.
      levels: of the quantiles that these are, (examples, levels, values); () where they are values.
      predictions: the distributions of the blocks so far.
    """

    answer: Callable[[Any], Any]
    levels: Sequence[float] = ()
    predictions: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the predictions."""
        self.predictions.append(np.asarray(block["predictions"], np.float64))

    def measured(self, test: Split) -> Measured:
        """Returns the mean absolute error of each example, of several targets each in standard deviations."""
        targets = test.targets
        several = targets.shape[1] > (test.horizon if isinstance(test, SeriesSplit) else 1)
        errors = np.abs(self._answers() - targets) / (_scale(targets) if several else 1.0)
        return Measured("absolute error (in standard deviations)" if several else "absolute error", errors.mean(1))

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns predictions over true values, residuals, how errors are distributed, and the largest of them."""
        names, folder, predictions = tested.names, tested.folder, self._answers()
        if predictions.shape != tested.split.targets.shape:
            return [NO_FIGURE]
        finite = finite_rows(predictions)
        shown = not_finite(tested, finite)
        if not finite.any():
            return shown
        if isinstance(tested.split, SeriesSplit):
            shown += _forecasts(tested, tested.split, predictions, finite)
        if self.levels:
            shown += _uncertainty(tested, np.concatenate(self.predictions), self.levels)
        pair = (tested.split.targets[finite], predictions[finite])
        return [
            *shown,
            predicted_against_true(*pair, names, folder / "predicted_against_true.svg"),
            residuals(*pair, names, folder / "residuals.svg"),
            error_distribution(*pair, names, folder / "errors.svg"),
            *_largest(tested, predictions, finite),
        ]

    def _answers(self) -> np.ndarray:
        return np.asarray(self.answer(np.concatenate(self.predictions)))


def _uncertainty(tested: Tested, quantiles: np.ndarray, levels: Sequence[float]) -> list[Block]:
    """Returns how many true values lie under each quantile, and how wide the intervals between the outermost are."""
    targets, folder, finite = tested.split.targets, tested.folder, finite_rows(quantiles)
    if not finite.any():
        return []
    drawn = [coverage(targets[finite], quantiles[finite], levels, folder / "coverage.svg")]
    if len(levels) > 1:
        wide = quantiles[finite, -1] - quantiles[finite, 0]
        between = f"from the quantile of {100 * levels[0]:g}% to that of {100 * levels[-1]:g}%"
        drawn.append(widths(dict(zip(tested.names, wide.T)), between, folder / "widths.svg"))
    about = "Of a quantile of level 0.9, nine of ten true values should lie at or under it; narrow intervals say more."
    return [Drawings("Is its uncertainty right?", about, drawn)]


def _forecasts(tested: Tested, test: SeriesSplit, predictions: np.ndarray, finite: np.ndarray) -> list[Block]:
    """Returns a few forecasts, and the error by step ahead."""
    names = [name.rpartition("+")[0] for name in tested.names[:: test.horizon]]
    shown: list[Block] = [series_figures.forecasts(test, predictions, names, tested.folder / "forecasts.svg")]
    if test.horizon > 1:
        forecasts, targets = {"model": predictions, **test.naive_forecasts()}, test.targets
        errors = {name: np.sqrt(np.square(values - targets)[finite].mean(0)) for name, values in forecasts.items()}
        shown.append(series_figures.error_by_step(errors, names, tested.folder / "by_step.svg"))
    return shown


def _scale(targets: np.ndarray) -> np.ndarray:
    """Returns each target's standard deviation, (values,), and 1 of one that does not vary."""
    scale = targets.std(0)
    return np.where(scale > 0, scale, 1.0)


def _largest(tested: Tested, predictions: np.ndarray, finite: np.ndarray) -> list[Block]:
    """Returns the examples whose predictions are farthest off, in standard deviations of each target."""
    targets, names = tested.split.targets, tested.names
    relative = np.where(finite[:, None], np.abs(targets - predictions) / _scale(targets), -1.0)
    worst = np.argsort(-relative.max(1), kind="stable")[: min(MAX_WORST, int(finite.sum()))]
    shown = []
    for index, of in zip(worst.tolist(), relative[worst].argmax(1).tolist()):
        true, predicted = float(targets[index, of]), float(predictions[index, of])
        said = {"predicted": exact(predicted), "true": exact(true), "residual": exact(true - predicted)}
        shown.append(Shown(index, ({"target": names[of]} if len(names) > 1 else {}) | said))
    about = "The predictions that are farthest off, by what each target varies." if len(names) > 1 else ""
    return show_examples(tested, "The largest errors", about, shown)
