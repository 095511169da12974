"""Figures of calibration: whether what is said to have a probability comes true as often."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import MAX_PANELS, colour_of, legend, save, spread_evenly, thin
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import exact, number, percent


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int, of: str, path: Path) -> Drawing:
    """Draws how often answers are right by the probability that they are given, and how many there are of each.

    Args:
      confidence: (examples,) probabilities, 0 to 1.
      right: (examples,) booleans: whether what has this probability is so.
      bins: of equal width from 0 to 1.
      of: what has the probability, in words: "the answer".
      path: SVG file to write.

    Source of the calibration error: C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(counts)
    mean, share = (np.bincount(place, values, bins)[filled] / counts[filled] for values in (confidence, right))
    error = float((np.abs(share - mean) * counts[filled]).sum() / counts.sum())
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot((0, 1), (0, 1), color="black", linewidth=0.8, linestyle=":", label="calibrated")
    above.plot(mean, share, color=colour_of("test"), marker="o", markersize=4, label=f"error {error:.3f}")
    above.set_ylim(-0.02, 1.02)
    above.set_ylabel("right, of the bin")
    below.bar((np.arange(bins) + 0.5) / bins, counts / counts.sum(), 0.92 / bins, color=colour_of("test"))
    below.set_ylabel("examples")
    below.set_xlabel(f"probability of {of}")
    below.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    for axes in (above, below):
        thin(axes)
    legend(figure, 2)
    save(figure, path)
    rows = [
        [f"{i / bins:.2f} to {(i + 1) / bins:.2f}", f"{counts[i]:,}", exact(float(m)), exact(float(s))]
        for i, m, s in zip(filled, mean, share)
    ]
    table = Table("By probability", (f"probability of {of}", "examples", "mean probability", "right"), rows)
    said, known = (percent(float(values.mean()), len(values)) for values in (confidence, right))
    alt = (
        f"How often {of} is right over its probability, in {bins} bins of equal width: the calibration error, the mean "
        f"distance of both over the examples, is {error:.3f}; the mean probability is {said}, and {known} are right"
    )
    return Drawing("Calibration", path, alt, table)


def coverage(targets: np.ndarray, quantiles: np.ndarray, levels: Sequence[float], path: Path) -> Drawing:
    """Draws how many true values lie at or under each quantile, over the quantile's level.

    Args:
      targets: (examples, values).
      quantiles: (examples, levels, values), ascending by level.
      levels: of the quantiles, ascending in (0, 1).
      path: SVG file to write.
    """
    below = (targets[:, None] <= quantiles).mean((0, 2))  # (level,)
    figure = Figure(figsize=(4.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color="black", linewidth=0.8, linestyle=":", label="calibrated")
    axes.plot(levels, below, color=colour_of("test"), marker="o", markersize=5, linewidth=1.2, label="test")
    axes.set_xlabel("level of the quantile")
    axes.set_ylabel("true values at or under it")
    thin(axes)
    legend(figure)
    save(figure, path)
    rows = [[f"{level:g}", exact(float(share))] for level, share in zip(levels, below)]
    told = ", ".join(
        f"{percent(float(share), targets.size)} under that of {100 * level:g}%" for level, share in zip(levels, below)
    )
    alt = f"True values at or under each quantile, which are as many as its level says where it is right: {told}"
    return Drawing("Coverage", path, alt, Table("Coverage by level", ("level", "true values at or under"), rows))


def widths(intervals: Mapping[str, np.ndarray], between: str, path: Path) -> Drawing:
    """Draws how wide the intervals of the examples are.

    Args:
      intervals: by name of the value the widths, (examples,), in its unit; MAX_PANELS of them are drawn, evenly spaced.
      between: what the interval reaches from and to, in words.
      path: SVG file to write.
    """
    names = [list(intervals)[i] for i in spread_evenly(len(intervals), MAX_PANELS)]
    columns = min(len(names), 3)
    figure = Figure(
        figsize=(4.4 if columns == 1 else 3.4 * columns, 3.0 * -(-len(names) // columns)), layout="constrained"
    )
    rows = []
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(-(-len(names) // columns), columns, place)
        axes.hist(intervals[name], bins=30, color=colour_of("test"))
        axes.set_xlabel(f"{name}: width of the interval")
        axes.set_ylabel("examples")
        thin(axes)
        rows.append([name, *map(exact, np.quantile(intervals[name], (0.05, 0.5, 0.95)).tolist())])
    save(figure, path)
    told = "; ".join(f"{name} median {number(float(np.median(intervals[name])))}" for name in names)
    table = Table("Width of the intervals", ("value", "5%", "median", "95%"), rows)
    return Drawing("Width of the intervals", path, f"Histograms of the width of intervals {between}: {told}", table)
