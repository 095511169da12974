"""Columns of a table as the file has them, for people: in their own units, before they are encoded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxflow.data.tables.cells import parse_column
from jaxflow.data.tables.columns import Spec
from jaxflow.data.tables.forms import Kind, find_form
from jaxflow.data.tables.inputs import kind_of
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.target import Task


@dataclass(frozen=True, eq=False)
class RawColumn:
    """A column of a table, as the file has it.

    Attributes:
      name: its name.
      kind: what it holds.
      is_target: whether it is what is to be predicted.
      parts: its values by split, (rows,): float64, NaN where missing; datetime64[s], NaT where missing; or strings,
        None where missing.
    """

    name: str
    kind: Kind
    is_target: bool
    parts: Mapping[str, np.ndarray]


def read_raw_columns(
    raw: RawTable,
    inputs: Sequence[str],
    targets: Sequence[str],
    columns: Sequence[Spec],
    parts: Mapping[str, np.ndarray],
    task: Task = "auto",
) -> Iterator[RawColumn]:
    """Reads the columns of a table, one after the other.

    Args:
      raw: the table.
      inputs: columns that may be inputs.
      targets: the columns that are to be predicted.
      columns: how columns are encoded that are named.
      parts: the rows of each split.
      task: as `Table.task`; where it is classes or labels, the targets are texts whatever they look like.

    Yields:
      The columns, the targets first.
    """
    for name in (*targets, *inputs):
        texts = name in targets and task in ("class", "label", "labels")
        kind = "category" if texts else kind_of(columns, raw, name, parts["train"])
        spec = next((each for each in columns if each.name.strip() == name), None)
        form = getattr(spec, "format", "") or find_form(raw, name, kind, parts["train"])
        values = parse_column(raw, name, kind, form)
        yield RawColumn(name, kind, name in targets, {split: values[rows] for split, rows in parts.items()})
