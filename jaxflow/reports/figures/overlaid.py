"""Curves of several runs in one chart."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from jaxflow.reports.blocks import Chart, Drawing, Mark
from jaxflow.reports.figures.curves import Points, points_table
from jaxflow.reports.figures.plot import legend, save, thin
from jaxflow.reports.svg import OTHER_COLOURS, SPLIT_COLOURS
from jaxflow.reports.wording import epoch, number

# By name in the stylesheet, the colours of what is compared, in this order.
COLOURS = dict(SPLIT_COLOURS) | {f"other-{place}": colour for place, colour in enumerate(OTHER_COLOURS)}


@dataclass(frozen=True)
class Line:
    """A run's curve.

    Attributes:
      name: of the run.
      points: (epoch, value), ascending.
      colour: one of COLOURS.
      best: the epoch that validation chose; None where that is not known.
    """

    name: str
    points: Points
    colour: str
    best: float | None


def overlaid_curves(title: str, lines: list[Line], path: Path) -> Chart:
    """Draws the curves of several runs; dashed, the epoch at which each was best.

    Args:
      title: what is drawn.
      lines: of the runs.
      path: SVG file to write.
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for line in lines:
        marker = "o" if len(line.points) == 1 else ""
        label = line.name if len(line.name) <= 30 else f"{line.name[:29]}…"
        axes.plot(*zip(*line.points), color=COLOURS[line.colour], label=label, marker=marker, linewidth=1.5)
        if line.best is not None:
            axes.axvline(line.best, color=COLOURS[line.colour], linestyle="--", linewidth=0.8)
    axes.set_xlabel("epoch")
    axes.set_ylabel(title.partition(",")[0])
    thin(axes)
    legend(figure, 2)
    save(figure, path)
    points = {line.name: line.points for line in lines}
    marks = [Mark(line.best, f"best: epoch {epoch(line.best)}", line.colour) for line in lines if line.best is not None]
    colours: Mapping[str, str] = {line.name: line.colour for line in lines}
    alt = f"Curves of {title} over the epochs: {'; '.join(map(_seen, lines))}"
    still = Drawing(title, path, alt, points_table(title, points))
    return Chart(still, "epoch", title.partition(",")[0], points, marks, colours)


def _seen(line: Line) -> str:
    first, last = line.points[0], line.points[-1]
    chosen = "" if line.best is None else f", best at epoch {epoch(line.best)}"
    return f"{line.name} from {number(first[1])} to {number(last[1])} at epoch {epoch(last[0])}{chosen}"
