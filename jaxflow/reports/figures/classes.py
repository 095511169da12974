"""Figures of classes: which are taken for which, how far answer and truth overlap."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import sparse

from jaxflow.reports.blocks import Drawing, Text
from jaxflow.reports.figures.plot import colour_of, cut, save, thin
from jaxflow.reports.svg import ON_STRONG, ON_WEAK
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import NONE, exact, percent

# Classes whose counts are written into their cells, and whose table is the whole matrix.
MAX_WRITTEN, MAX_TABLE = 20, 30
# Classes of a matrix that is drawn: more have no pixel each.
MAX_DRAWN = 500
# Pairs of classes that are listed.
MAX_PAIRS = 12
# Of a cell that is filled, and from where on white can be read on it better than black.
FILL, STRONG = "#1d4f91", 0.77


def confusion(counts: np.ndarray, names: Sequence[str], noun: str, path: Path) -> Drawing:
    """Draws how often each class is taken for each other one; a cell is as strong as its share of the true class.

    Args:
      counts: (classes, classes) examples or pixels by true and predicted class.
      names: of the classes.
      noun: what is counted, in the plural.
      path: SVG file to write.
    """
    classes = len(names)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = classes <= MAX_WRITTEN
    side = 1.3 + 0.42 * max(classes, 4) if few else 5.2
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    # The page shows through weak cells: an image of one colour whose strength is its opacity.
    image = np.zeros((classes, classes, 4)) + to_rgba(FILL)
    image[..., 3] = shares
    axes.imshow(image, interpolation="none" if few else "nearest")
    if few:
        for row, column in np.ndindex(counts.shape):
            colour = ON_STRONG if shares[row, column] > STRONG else ON_WEAK
            text = _short(int(counts[row, column])) if counts[row, column] else ""
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
        axes.set_xticks(range(classes), [cut(name) for name in names], rotation=60 if _long(names) else 0, fontsize=8)
        axes.set_yticks(range(classes), [cut(name) for name in names], fontsize=8)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("predicted" if few else "predicted, by number of the class")
    axes.set_ylabel("true")
    axes.spines[:].set_color("0.6")
    save(figure, path)
    total, right = int(counts.sum()), int(counts.trace())
    pairs = confused_pairs(counts, names, noun)
    most = f"; most often {pairs.rows[0][0]} is taken for {pairs.rows[0][1]}, {pairs.rows[0][2]} times" if pairs else ""
    alt = f"Confusion matrix of {classes} classes: {right:,} of {total:,} {noun} on the diagonal{most}"
    if classes > MAX_TABLE:
        return Drawing("Which classes are taken for which", path, alt, pairs)
    rows = [[name, *(f"{count:,}" for count in row)] for name, row in zip(names, counts)]
    table = Table(f"{noun.capitalize()} by true class (rows) and predicted class (columns)", ("true", *names), rows)
    return Drawing("Which classes are taken for which", path, alt, table)


def confused_pairs(counts: np.ndarray | sparse.sparray, names: Sequence[str], noun: str) -> Table | None:
    """Returns the pairs of classes that are confused most often; None where all is right.

    Args:
      counts: (classes, classes) by true and predicted class, sparse where there are many.
      names: of the classes.
      noun: what is counted, in the plural.
    """
    found = sparse.coo_array(sparse.csr_array(counts))  # row by row
    totals, apart = found.sum(1), found.row != found.col
    true, predicted, often = found.row[apart], found.col[apart], found.data[apart]
    rows = []
    for place in np.argsort(-often, kind="stable")[:MAX_PAIRS]:
        how_many, total = int(often[place]), int(totals[true[place]])
        share = percent(how_many / total, total)
        rows.append([names[true[place]], names[predicted[place]], f"{how_many:,}", share])
    columns = ("true class", "taken for", noun, "of the true class")
    return Table("The pairs that are confused most often", columns, rows) if rows else None


def worst_classes(counts: np.ndarray | sparse.sparray, names: Sequence[str]) -> Table | None:
    """Returns the classes that are answered worst, of more classes than a matrix shows the counts of; None of fewer.

    Args:
      counts: (classes, classes) by true and predicted class, sparse where there are many.
      names: of the classes.
    """
    if len(names) <= MAX_WRITTEN:
        return None
    found = sparse.csr_array(counts)
    true, answered, right = found.sum(1), found.sum(0), found.diagonal()
    recall = np.divide(right, true, out=np.ones(len(names)), where=true > 0)
    rows = []
    for label in np.lexsort((-true, recall))[:MAX_PAIRS]:
        if true[label] and recall[label] < 1:
            shares = [
                percent(right[label] / whole[label], whole[label]) if whole[label] else NONE
                for whole in (true, answered)
            ]
            rows.append([names[label], f"{true[label]:,}", *shares])
    columns = ("class", "examples", "found (recall)", "right where answered (precision)")
    return Table("The classes that are answered worst", columns, rows) if rows else None


def never_true(counts: np.ndarray, names: Sequence[str], noun: str = "classes") -> list[Text]:
    """Returns a sentence on classes without an example, which no score here is of; nothing where all have some.

    Args:
      counts: (classes,) examples of each.
      names: of the classes.
      noun: what they are, in the plural.
    """
    never = [names[label] for label in np.flatnonzero(counts == 0)]
    if not never:
        return []
    more = f" and {len(never) - MAX_PAIRS:,} more" if len(never) > MAX_PAIRS else ""
    text = (
        f"{len(never):,} of {len(names):,} {noun} never occur in the test split: {', '.join(never[:MAX_PAIRS])}{more}."
    )
    return [Text(text)]


def off_by(apart: np.ndarray, path: Path) -> Drawing:
    """Draws how many classes answers are above or below the true ones, where classes have an order.

    Args:
      apart: (examples,) int, the answered rank minus the true one.
      path: SVG file to write.
    """
    places, counts = np.unique(apart, return_counts=True)
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(places, counts / len(apart), color=colour_of("test"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    axes.set_xlabel("classes above (+) or below (-) the true one")
    axes.set_ylabel("examples")
    thin(axes)
    save(figure, path)
    rows = [
        [f"{place:+d}" if place else "0", f"{often:,}", percent(float(often / len(apart)), len(apart))]
        for place, often in zip(places.tolist(), counts.tolist())
    ]
    near = percent(float((np.abs(apart) <= 1).mean()), len(apart))
    alt = f"Bars of how many classes answers are off by: {near} of {len(apart):,} are right or in the next class"
    table = Table("Classes off", ("answered minus true", "examples", "share"), rows)
    return Drawing("How many classes answers are off by", path, alt, table)


def overlaps(counts: np.ndarray, names: Sequence[str], path: Path) -> Drawing:
    """Draws the intersection over union of each class that is present or predicted.

    Args:
      counts: (classes, classes) pixels by true and predicted class.
      names: of the classes.
      path: SVG file to write.
    """
    both, either = counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal()
    scores = {name: float(both[label] / either[label]) for label, name in enumerate(names) if either[label]}
    figure = Figure(figsize=(4.8, 0.32 * len(scores) + 0.9), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(range(len(scores)), list(scores.values()), color=colour_of("test"))
    axes.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
    axes.set_yticks(range(len(scores)), [cut(name) for name in scores])
    axes.set_xlim(0, 1.12)
    axes.invert_yaxis()
    axes.set_xlabel("intersection over union")
    thin(axes)
    save(figure, path)
    low, high = min(scores, key=scores.__getitem__), max(scores, key=scores.__getitem__)
    alt = f"Bars of the overlap of each class: from {scores[low]:.2f} ({low}) to {scores[high]:.2f} ({high})"
    rows = [[name, exact(score)] for name, score in scores.items()]
    return Drawing("Overlap of each class", path, alt, Table("Overlap", ("class", "intersection over union"), rows))


def _short(count: int) -> str:
    """Returns a count that fits into a cell: of 12,345 "12k", of 2,500,000 "2.5M"."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= size:
            scaled = count / (1000 if letter == "k" else size)
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return str(count)


def _long(names: Sequence[str]) -> bool:
    return max(map(len, names)) > 3
