"""The page that lists the runs of a folder."""

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jaxflow.evaluation.comparison.estimates import estimate
from jaxflow.evaluation.comparison.wording import estimated, interval
from jaxflow.reports.blocks import Block, Section, Text
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import Table
from jaxflow.reports.wording import NONE, count, exact
from jaxflow.runs.groups import Group, group_runs
from jaxflow.runs.listing import Listed, age_of
from jaxflow.runs.results import headline_metric


def write_index(folder: Path, found: Sequence[Listed]) -> Path:
    """Writes index.html into a folder of runs: a line for each, runs of one experiment together, the newest first.

    Args:
      folder: of the runs.
      found: what is listed, the newest first.

    Returns:
      The page.
    """
    groups = group_runs([each.run for each in found if each.run is not None])
    several = [group for group in groups if len(group.runs) > 1]
    place = {run.folder: number for number, group in enumerate(groups) for run in group.runs}
    ordered = sorted(found, key=lambda each: place.get(each.folder, len(groups)))  # damaged ones last
    training = sum(each.state == "training" for each in found)
    said = f"{count(len(found), 'run')} of {count(len(groups), 'experiment')}" + (
        f", {training} training" if training else ""
    )
    sections = [
        Section("Experiments of several runs", _several(several)),
        Section("Runs", [_runs(folder, ordered), Text(f"Ages are of {time.strftime('%Y-%m-%d %H:%M')}.")]),
    ]
    path = folder / "index.html"
    write_page(path, f"Runs in {folder}", f"{said}.", sections)
    return path


def _several(groups: Sequence[Group]) -> list[Block]:
    """Returns mean, deviation and interval of each experiment of which there are several tested runs."""
    rows = []
    for group in groups:
        tested = Group(group.name, tuple(run for run in group.runs if run.test))
        shared = (
            [name for name in tested.runs[0].test if all(name in run.test for run in tested.runs)]
            if tested.runs
            else []
        )
        metric = headline_metric(shared)
        cells = estimated(estimate(tested, metric)) if metric else (NONE, NONE)
        rows.append([group.name, f"{len(tested.runs)} of {len(group.runs)}", metric or NONE, *cells])
    columns = ("experiment", "tested", "metric", "mean \u00b1 deviation", "95% interval of the mean")
    return [Table("", columns, rows)] if rows else []


def _runs(folder: Path, found: Sequence[Listed]) -> Table:
    rows, links = [], {}
    for each in found:
        name = str(each.folder.relative_to(folder)) if each.folder != folder else each.folder.name
        if (each.folder / "report" / "index.html").exists():
            links[name] = quote(f"{name}/report/index.html" if each.folder != folder else "report/index.html")
        value = exact(each.metrics[each.metric]) if each.metric else NONE
        shown = interval(*each.interval) if each.interval else NONE
        metric = f"{each.split} {each.metric}" if each.metric else NONE
        rows.append([name, each.state, metric, value, shown, age_of(each.age), each.experiment or NONE])
    columns = ("run", "state", "metric", "value", "95% interval", "age", "experiment")
    return Table("", columns, rows, links=links)
