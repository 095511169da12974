"""The page of a comparison."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from jaxflow.evaluation.comparison.curves import comparison_curves
from jaxflow.evaluation.comparison.exhibits import exhibits, read_data
from jaxflow.evaluation.comparison.to_json import costs
from jaxflow.evaluation.comparison.values import Apart, Comparison, Difference, Disagreement
from jaxflow.evaluation.comparison.wording import estimated, interval, lead, measured, p_of, signed, verdict
from jaxflow.reports.blocks import Block, Charts, Remark, Remarks, Section, Text
from jaxflow.reports.galleries import Gallery
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import MAX_OPEN_ROWS, Table
from jaxflow.reports.wording import NONE, exact, number
from jaxflow.runs.environment import read_environment

# What a run took, in words.
COSTS = {
    "parameters": "parameters",
    "examples_per_second": "training examples a second",
    "seconds": "seconds of training",
    "cpu_seconds": "processor seconds of training",
    "steps": "training steps",
    "state_bytes_per_device": "bytes of state on a device",
}


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Writes the page of a comparison.

    Args:
      comparison: what was found.
      path: HTML file to write.
    """
    names = [group.name for group in comparison.groups]
    with tempfile.TemporaryDirectory() as folder:
        charts = comparison_curves(comparison, Path(folder))
        sections = [
            Section("Is it chance?", _tests(comparison)),
            Section("What differs", _differing(comparison)),
            Section("Metrics", [table for each in comparison.differences for table in _metrics(comparison, each)]),
            Section("Learning curves", [Charts(charts)] if charts else []),
            Section("Where they differ", _disagreements(comparison)),
            Section("Speed and size", [_costs(comparison)]),
            Section("Runs", [_runs(comparison)]),
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_page(
            path, " and ".join(names) if len(names) < 4 else f"{len(names)} experiments", lead(comparison), sections
        )


def _tests(comparison: Comparison) -> list[Block]:
    """Returns each difference with its test, and what the tests speak of."""
    rows = [
        [
            each.name,
            signed(each.value),
            interval(each.low, each.high, signed),
            p_of(each).removeprefix("p = "),
            verdict(each),
        ]
        for each in comparison.differences
    ]
    first = comparison.groups[0].name
    columns = ("experiment", f"difference of {comparison.metric}", "95% interval", "p", "")
    tests = dict.fromkeys((each.test, each.about) for each in comparison.differences)
    said: list[Block] = [Table(f"Beside {first}", columns, rows)]
    said += [Text(f"{test[0].upper()}{test[1:]}. It speaks of {about}.") for test, about in tests]
    remarks = [Remark("note", text) for text in comparison.remarks]
    return [*said, *([Remarks(remarks)] if remarks else [])]


def _differing(comparison: Comparison) -> list[Block]:
    if not comparison.differing:
        return [Text("No field of the experiments differs.")]
    rows = [[name, *values] for name, values in comparison.differing.items()]
    return [Table("", ("field", *(group.name for group in comparison.groups)), rows, prose=True)]


def _metrics(comparison: Comparison, difference: Difference) -> list[Table]:
    """Returns all metrics of a group beside the first one's, those of single classes and steps apart."""
    place, first = comparison.differences.index(difference) + 1, comparison.groups[0].name
    rows = []
    for name, estimates in comparison.estimates.items():
        apart = difference.metrics.get(name)
        cells = [*estimated(estimates[0]), *estimated(estimates[place])]
        rows.append([name, *cells, *(measured(apart) if apart else (NONE, NONE))])
    rows.sort(key=lambda row: row[0] != comparison.metric)
    columns = ("metric", first, "95% interval", difference.name, "95% interval", "difference", "95% interval")
    whole = [row for row in rows if "/" not in row[0] and not row[0].startswith("rmse_step_")]
    parts = [row for row in rows if row not in whole]
    tables = [Table(f"{difference.name} beside {first}", columns, whole)]
    if parts:
        caption = f"{difference.name} beside {first}, by class, column or step"
        tables.append(Table(caption, columns, parts, folded=len(parts) > MAX_OPEN_ROWS))
    return tables


def _disagreements(comparison: Comparison) -> list[Block]:
    blocks: list[Block] = []
    first = comparison.groups[0]
    found = [each for each in comparison.differences if each.disagreement]
    media = any(each.disagreement.counts for each in found if each.disagreement)
    dataset = read_data(first.runs[0]) if media else None
    for each in found:
        names, apart = (first.name, each.name), each.disagreement
        assert apart is not None
        blocks += _counts(names, apart)
        for side, shown in zip(names, (apart.first, apart.other)):
            title = f"Only {side} is right" if apart.counts else f"{side} does better"
            pictures = exhibits(dataset, shown, names) if shown else None
            if pictures:
                blocks.append(Gallery(title, "Those first on which the two differ most.", pictures))
            elif shown:
                blocks.append(_named(title, names, apart.measure, shown))
    return blocks


def _counts(names: tuple[str, str], apart: Disagreement) -> list[Block]:
    if not apart.counts:
        return [Text(f"Compared of each example: {apart.measure}.")]
    said = ("both right", f"only {names[0]} right", f"only {names[1]} right", "both wrong")
    total = max(1, sum(apart.counts))
    rows = [[word, f"{count:,}", f"{100 * count / total:.1f}%"] for word, count in zip(said, apart.counts)]
    return [Table(f"Answers of {names[0]} and {names[1]}", ("", "examples", "of all"), rows)]


def _named(title: str, names: tuple[str, str], measure: str, shown: Sequence[Apart]) -> Table:
    true = any(each.true for each in shown)
    rows = [[each.name, *([each.true] if true else []), *each.answers] for each in shown]
    answers = names if measure == "right answers" else tuple(f"{name}: {measure}" for name in names)
    return Table(title, ("example", *(["true"] if true else []), *answers), rows, prose=True)


def _costs(comparison: Comparison) -> Table:
    known = [costs(group) for group in comparison.groups]
    rows = [
        [said, *(number(of[name]) if name in of else NONE for of in known)]
        for name, said in COSTS.items()
        if any(name in of for of in known)
    ]
    devices = [read_environment(group.runs[0].folder).get("devices") for group in comparison.groups]
    if all(isinstance(each, list) for each in devices):
        rows.append(["devices", *(", ".join(dict.fromkeys(map(str, each or ()))) for each in devices)])
    caption = "Means over runs" if any(len(group.runs) > 1 for group in comparison.groups) else ""
    return Table(caption, ("", *(group.name for group in comparison.groups)), rows)


def _runs(comparison: Comparison) -> Table:
    rows = []
    for group in comparison.groups:
        for run in group.runs:
            counts = (str(run.results.get(name, NONE)) for name in ("test_step", "test_evaluations"))
            rows.append([group.name, str(run.folder), exact(run.test[comparison.metric]), *counts])
    columns = ("experiment", "run folder", comparison.metric, "tested step", "evaluations of the test")
    return Table("", columns, rows, prose=True)
