"""Figure of a table's columns in their own units: histograms of numbers, counts of categories."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxflow.reports.blocks import Drawing
from jaxflow.reports.figures.plot import MAX_NAMES, bars, colour_of, count_ticks, legend, save

MAX_COLUMNS = 40


def draw_columns(columns: Sequence[Mapping[str, Any]], path: Path) -> Drawing:
    """Draws how the values of each column are distributed in each split.

    Args:
      columns: as described by `profile_raw_columns`.
      path: SVG file to write.
    """
    shown = [column for column in columns if "histogram" in column or column.get("counts")][:MAX_COLUMNS]
    wide = min(4, len(shown))
    figure = Figure(
        figsize=(2.9 * max(wide, 1), 2.2 * max(-(-len(shown) // max(wide, 1)), 1) + 0.3), layout="constrained"
    )
    for position, column in enumerate(shown):
        axes = figure.add_subplot(-(-len(shown) // wide), wide, position + 1)
        if "histogram" in column:
            edges = np.array(column["edges"])
            for split, counts in column["histogram"].items():
                axes.stairs(np.array(counts) / max(sum(counts), 1), edges, label=split, color=colour_of(split))
            if column["distinct"] <= column["max"] - column["min"] + 1:  # as of whole numbers
                count_ticks(axes.xaxis)
        else:
            names = list(column["counts"]["train"])[:MAX_NAMES]
            parts = {split: (counts, max(sum(counts.values()), 1)) for split, counts in column["counts"].items()}
            bars(axes, names, {s: [counts[name] / total for name in names] for s, (counts, total) in parts.items()})
        axes.set_title(column["name"] + (" (target)" if column["target"] else ""), fontsize=8)
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
    legend(figure)
    save(figure, path)
    kinds = [f"{column['name']} {'as a histogram' if 'histogram' in column else 'as counts'}" for column in shown]
    alt = f"{len(shown)} columns in each split: {', '.join(kinds)}; the tables below have their numbers"
    return Drawing("Columns as the file has them", path, alt)
