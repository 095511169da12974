"""Tables of a report: all metrics with their intervals, those of classes and steps apart, and facts of the run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxflow.reports.tables import MAX_OPEN_ROWS, Table
from jaxflow.reports.wording import NONE, exact
from jaxflow.runs.results import Results, interval_name, values_alone
from jaxflow.schema import Schema

# Classes that a table has a row for.
MAX_CLASSES = 200
# Metrics of one step ahead.
STEP = re.compile(r"rmse_step_(\d+)(?:/(.*))?", re.DOTALL)


def metric_tables(results: Results, schema: Schema, validation: Mapping[str, float]) -> list[Table]:
    """Returns all metrics of the test split with intervals, those of single classes and steps ahead apart.

    Args:
      results: of the run; baselines have a column each.
      schema: what the data holds.
      validation: metrics of the validation split by the tested checkpoint, which have one too.
    """
    test = results.get("test", {})
    values = values_alone(test)
    classes = set(schema.target.names) if schema.target.kind == "class" else set()
    of_class = [name for name in values if name.partition("/")[2] in classes and "/" in name]
    of_step = {name: (found[1], found[2]) for name in values if (found := STEP.fullmatch(name))}
    baselines = {name: values_alone(of) for name, of in results.get("baselines", {}).items()}
    baselines = baselines or {"baseline": results.get("baseline", {})}
    beside = {"validation": validation, **baselines}
    names = [name for name in values if name not in of_class and name not in of_step]
    others = {title: of for title, of in beside.items() if any(name in of for name in names)}
    rows = [
        [name, exact(values[name]), _interval(test, name), *(exact(of.get(name)) for of in others.values())]
        for name in sorted(names, key=lambda name: name != "loss")
    ]
    made = [Table("All metrics", ("metric", "test", "95% interval", *others), rows)]
    if of_class:
        made.append(_class_table(schema.target.names, test, of_class))
    for column in dict.fromkeys(column for _, column in of_step.values()):
        steps = [
            [step, exact(values[name]), _interval(test, name)] for name, (step, of) in of_step.items() if of == column
        ]
        caption = "Error of each step ahead" + (f": {column}" if column else "")
        if len(steps) > 1:  # of one step it is the error of all
            made.append(
                Table(caption, ("steps ahead", "rmse", "95% interval"), steps, folded=len(steps) > MAX_OPEN_ROWS)
            )
    return made


def facts(caption: str, known: Mapping[str, Any]) -> Table:
    """Returns a table of facts by name; those that are None are left out."""
    rows = [[name, _fact(value)] for name, value in known.items() if value is not None]
    return Table(caption, ("", ""), rows, prose=True)


def split_table(counts: Mapping[str, Mapping[str, int]], sizes: Mapping[str, int], noun: str) -> Table:
    """Returns how many examples each split has, and of each class.

    Args:
      counts: by split, how many of each class; {} where the target is no class.
      sizes: by split, how many examples.
      noun: what is counted of classes: "examples", "pixels", "tokens".
    """
    rows = [["all" if noun == "examples" else "examples", *(f"{size:,}" for size in sizes.values())]]
    names = next(iter(counts.values()), {})
    rows += [[name, *(f"{of[name]:,}" for of in counts.values())] for name in list(names)[:MAX_CLASSES]]
    if len(names) > MAX_CLASSES:
        rows.append([f"and {len(names) - MAX_CLASSES:,} more classes", *([""] * len(sizes))])
    caption = f"Examples of each split, and {noun} of each class" if names else "Examples of each split"
    return Table(caption, ("class" if names else "", *sizes), rows, folded=len(rows) > MAX_OPEN_ROWS)


def _class_table(classes: Sequence[str], test: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Returns a table of a row for each class, with a column for each metric and its interval."""
    kinds = list(dict.fromkeys(name.partition("/")[0] for name in names))
    rows = []
    for each in classes:
        of_class = [f"{kind}/{each}" for kind in kinds]
        if any(name in test for name in of_class):
            rows.append([each, *(cell for name in of_class for cell in (exact(test.get(name)), _interval(test, name)))])
    columns = ("class", *(column for kind in kinds for column in (kind, "95% interval")))
    return Table("Metrics of each class", columns, rows, folded=len(rows) > MAX_OPEN_ROWS)


def _interval(test: Mapping[str, Any], name: str) -> str:
    interval = test.get(interval_name(name))
    return NONE if interval is None else f"{exact(interval[0])} to {exact(interval[1])}"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items() if part is not None)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
