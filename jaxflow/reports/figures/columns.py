"""Figure of a table's columns in their own units: histograms of numbers, counts of categories."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.figures.plot import save

MAX_COLUMNS, MAX_NAMES = 40, 8


def draw_columns(columns: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws how the values of each column are distributed in each split.

    Args:
      columns: as described by `profile_raw_columns`.
      path: PNG file to write.
    """
    shown = [column for column in columns if "histogram" in column or column.get("counts")][:MAX_COLUMNS]
    wide = min(4, len(shown))
    figure = Figure(figsize=(2.9 * max(wide, 1), 2.2 * max(-(-len(shown) // max(wide, 1)), 1)), layout="constrained")
    for position, column in enumerate(shown):
        axes = figure.add_subplot(-(-len(shown) // wide), wide, position + 1)
        if "histogram" in column:
            edges = np.array(column["edges"])
            for split, counts in column["histogram"].items():
                axes.stairs(np.array(counts) / max(sum(counts), 1), edges, label=split)
        else:
            names, width = list(column["counts"]["train"])[:MAX_NAMES], 0.8 / len(column["counts"])
            for number, (split, counts) in enumerate(column["counts"].items()):
                fractions = [counts[name] / max(sum(counts.values()), 1) for name in names]
                axes.barh(np.arange(len(names)) + number * width, fractions, width, label=split)
            axes.set_yticks(np.arange(len(names)) + 0.4 - width / 2, [name[:18] for name in names])
            axes.invert_yaxis()
        axes.set_title(column["name"] + (" (target)" if column["target"] else ""), fontsize=8)
        axes.tick_params(labelsize=6)
    if shown:
        figure.axes[0].legend(fontsize=6)
    save(figure, path)
