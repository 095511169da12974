"""Figures of rankings: how many true examples are found, and how many false ones with them, at each threshold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Drawing, Drawings
from jaxflow.reports.figures.plot import colour_of, cut, legend, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import count, exact

# Of several classes the worst are drawn by name, and the others faintly, where they are not too many.
MAX_NAMED, MAX_FAINT = 3, 20
# Points of a curve, and thresholds that are the same over all classes of a mean.
MAX_POINTS, GRID = 300, 501
FAINT = "#9a9a9a"
MEAN = "mean of all classes"


@dataclass(frozen=True)
class Ranking:
    """The curves of one class or label against the rest.

    Attributes:
      fall_out: (thresholds,) share of the negatives that are answered, ascending from 0 to 1.
      found: (thresholds,) share of the positives that are answered at the same threshold.
      recall: (thresholds,) the same as `found` over other thresholds, descending from 1 to 0.
      precision: (thresholds,) share of the answers that are right at these.
      examples: positives.
      auroc: area under `found` over `fall_out`.
      average_precision: mean of the precision over the recall.
    """

    fall_out: np.ndarray
    found: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    examples: int
    auroc: float
    average_precision: float


def rank(scores: np.ndarray, positive: np.ndarray) -> Ranking:
    """Returns the curves of one ranking, as scikit-learn computes them.

    Args:
      scores: (examples,) higher means positive.
      positive: (examples,) booleans, some of either.
    """
    from sklearn.metrics import auc, precision_recall_curve, roc_curve  # takes a second: only who draws it waits

    fall_out, found, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores)
    average = float(-(np.diff(recall) * precision[:-1]).sum())
    return Ranking(fall_out, found, recall, precision, int(positive.sum()), float(auc(fall_out, found)), average)


def ranking_curves(rankings: Mapping[str, Ranking], folder: Path) -> Drawings:
    """Draws ROC and precision-recall curves: of one class its own, of several their mean and the worst.

    Args:
      rankings: by name of the class or label.
      folder: where the SVG files go.
    """
    worst = sorted(rankings, key=lambda name: rankings[name].auroc)[:MAX_NAMED] if len(rankings) > 1 else []
    rows = [
        [name, f"{each.examples:,}", exact(each.auroc), exact(each.average_precision)]
        for name, each in sorted(rankings.items(), key=lambda pair: pair[1].auroc)
    ]
    several = len(rankings) > 1
    caption = "Each class against the rest, the worst first" if several else "Areas under the curves"
    table = Table(caption, ("class", "examples", "AUROC", "average precision"), rows)
    drawn = [_roc(rankings, worst, folder / "roc.svg"), _precision(rankings, worst, folder / "precision_recall.svg")]
    about = (
        f"Each class is ranked by its probability against the rest of the test split; the mean is over "
        f"{count(len(rankings), 'class')}, and the worst are named."
        if several
        else f"The examples of the test split, ranked by the probability of {next(iter(rankings))}."
    )
    return Drawings("How well classes are told apart, at every threshold", about, drawn, table)


def _roc(rankings: Mapping[str, Ranking], worst: Sequence[str], path: Path) -> Drawing:
    figure, axes = _axes("false positives, of the negatives", "true positives, of the positives")
    grid = np.linspace(0, 1, GRID)
    mean = np.mean([np.interp(grid, each.fall_out, each.found) for each in rankings.values()], 0)
    areas = {name: each.auroc for name, each in rankings.items()}
    curves = {name: (each.fall_out, each.found) for name, each in rankings.items()}
    _lines(axes, curves, (grid, mean), areas, worst, "default")
    axes.plot((0, 1), (0, 1), color="black", linewidth=0.8, linestyle=":", label="guessing")
    legend(figure, 1)
    save(figure, path)
    return Drawing("ROC", path, f"ROC curves. Area under the curve: {_told(areas, worst)}; guessing has 0.5")


def _precision(rankings: Mapping[str, Ranking], worst: Sequence[str], path: Path) -> Drawing:
    figure, axes = _axes("recall: positives that are found", "precision: answers that are right")
    grid = np.linspace(0, 1, GRID)
    # A step lasts from the recall before it: precision that is reached at a recall holds for all up to it.
    steps = [each.precision[::-1][np.searchsorted(each.recall[::-1], grid)] for each in rankings.values()]
    areas = {name: each.average_precision for name, each in rankings.items()}
    curves = {name: (each.recall[::-1], each.precision[::-1]) for name, each in rankings.items()}
    _lines(axes, curves, (grid, np.mean(steps, 0)), areas, worst, "steps-pre")
    legend(figure, 1)
    save(figure, path)
    return Drawing("Precision and recall", path, f"Precision over recall. Average precision: {_told(areas, worst)}")


def _axes(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    thin(axes)
    return figure, axes


def _lines(
    axes: Axes,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    mean: tuple[np.ndarray, np.ndarray],
    areas: Mapping[str, float],
    worst: Sequence[str],
    style: str,
) -> None:
    """Draws one curve, or the mean of several over the worst of them and the faint rest."""
    drawn = {name: tuple(side[spread_evenly(len(side), MAX_POINTS)] for side in pair) for name, pair in curves.items()}
    if not worst:
        name, curve = next(iter(drawn.items()))
        axes.plot(*curve, color=colour_of("test"), drawstyle=style, label=f"{cut(name)}: {areas[name]:.3f}")
        return
    if len(drawn) <= MAX_FAINT:
        for name in drawn.keys() - set(worst):
            axes.plot(*drawn[name], color=FAINT, linewidth=0.7, alpha=0.7, drawstyle=style)
    for place, name in enumerate(worst):
        label = f"{cut(name)}: {areas[name]:.3f}"
        axes.plot(*drawn[name], color=colour_of("", place), linewidth=1.2, drawstyle=style, label=label)
    average = np.mean(list(areas.values()))
    axes.plot(*mean, color=colour_of("test"), linewidth=2, drawstyle=style, label=f"{MEAN}: {average:.3f}")


def _told(areas: Mapping[str, float], worst: Sequence[str]) -> str:
    if not worst:
        return f"{next(iter(areas.values())):.3f}"
    named = ", ".join(f"{name} {areas[name]:.3f}" for name in worst)
    return f"{MEAN} {np.mean(list(areas.values())):.3f}; the worst are {named}"
