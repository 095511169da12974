"""What a problem knows of its data by name, such as several targets, each of which is measured by itself."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from jaxflow.schema import Schema


def with_names(problem: Any, schema: Schema) -> Any:
    """Returns a problem that knows the data's names, where it has a field for them that is None.

    Args:
      problem: any problem; a field `classes` takes the names of the classes, `columns` that of each output's column.
      schema: what the data holds; values of a series at several steps ahead are of one column.
    """
    if schema.target.kind == "class" and getattr(problem, "classes", ()) is None:
        return dataclasses.replace(problem, classes=schema.target.names)
    if schema.target.kind != "number" or getattr(problem, "columns", ()) is not None:
        return problem
    names = schema.target.names
    if schema.inputs.kind == "series":
        names = tuple(re.sub(r"\+\d+$", "", name) for name in names)  # "load+3" is load, three steps ahead
    return dataclasses.replace(problem, columns=names)


def without_names(problem: Any, before: Any) -> Any:
    """Returns a problem without what `with_names` has added to the one that it was before."""
    added = [name for name in ("classes", "columns") if getattr(before, name, ()) is None and hasattr(problem, name)]
    return dataclasses.replace(problem, **dict.fromkeys(added)) if added else problem


def outputs_of_columns(columns: Sequence[str] | None) -> dict[str, list[int]]:
    """Returns which outputs are measured together, by the ending of their metrics' names.

    Args:
      columns: the column that each output is a value of; None where all are measured together.

    Returns:
      By "/price" and the like the outputs of each of several columns; {} where there is one.
    """
    columns = columns or ()
    names = list(dict.fromkeys(columns))
    if len(names) < 2:
        return {}
    return {f"/{name}": [place for place, column in enumerate(columns) if column == name] for name in names}
