"""The columns of a table that are to be predicted: one, or several of a kind."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxflow.data.reading.category_names import category_name, category_names
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.columns import Category, Spec, natural_order
from jaxflow.data.tables.doubts import MAX_CLASSES, doubt_classes
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.targets import join_targets, split_labels, suggest_labels, target_names
from jaxflow.errors import UserError
from jaxflow.schema import Target

logger = logging.getLogger("jaxflow")

# What keeps a target whose values are not all numbers.
AS_CLASSES = "take all values for classes: data.task='class' (--data.task=class)"
Task = Literal["auto", "class", "label", "labels", "number"]


def check_target(target: str | Sequence[str], task: Task, specs: Sequence[Spec]) -> None:
    """Raises UserError if no target is named, one twice, or several where columns are encoded by one."""
    target_names(target, task)
    several = not isinstance(target, str) or task == "labels"
    if several and any(isinstance(each, Category) and each.encode == "target" for each in specs):
        raise UserError("Category(encode='target') encodes by one target, and data.target has several; use another")


def read_targets(
    target: str | Sequence[str], task: Task, separator: str | None, raw: RawTable, rows: np.ndarray
) -> tuple[np.ndarray, Target]:
    """Reads what is to be predicted.

    Args:
      target: the column, or several of a kind.
      task: as `Table.task`.
      separator: as `Table.label_separator`.
      raw: the table.
      rows: indices of the rows that are used; none of them misses it.

    Returns:
      Of one column (rows,) int32 class indices or float64 values, of several (rows, columns), of several labels in a
      cell (rows, labels) 0 and 1; and what they are.

    Raises:
      UserError: a value is no finite number where one must be, there is one class only, or columns are of two kinds.
    """
    if isinstance(target, str) and task == "labels":
        return split_labels(f"target {target}", raw[target][rows], separator)
    if isinstance(target, str):
        return _read_target(target, task, raw, rows)
    return join_targets(target, [_read_target(name, task, raw, rows) for name in target], task)


def _read_target(name: str, task: Task, raw: RawTable, rows: np.ndarray) -> tuple[np.ndarray, Target]:
    """Reads one column."""
    numeric = task not in ("class", "label") and infer_column_type(raw, name, rows, AS_CLASSES) == "number"
    values = np.empty(0)
    if task == "number" or numeric:
        check_exact(name, raw)
        values = parse_column(raw, name, "number")[rows]
        if np.isnan(values).any():
            raise UserError(f"target {name} is not finite in {raw.row_name(rows[np.isnan(values).argmax()])}")
        few = len(np.unique(values)) <= MAX_CLASSES and not (values % 1).any()
        if task == "number" or not few:
            return values, Target("number", (name,))
    cells = raw[name][rows]
    name_of = category_names(set(cells), f"target {name}")
    texts = [name_of[cell] for cell in cells]
    texts = _one_name_each(name, texts, values) if numeric else texts
    names = sorted(set(texts), key=natural_order)
    if len(names) < 2:
        raise UserError(f"target {name} has one class only, {names[0]!r}; there is nothing to predict")
    if task == "auto":
        suggest_labels(name, names)
        if not numeric:
            doubt_classes(name, names, raw, rows)
    index_of = {text: index for index, text in enumerate(names)}
    return np.array([index_of[text] for text in texts], np.int32), Target("class", tuple(names))


def check_exact(name: str, raw: RawTable) -> None:
    """Raises UserError if a column that is to be predicted as numbers holds longer ones than a number is exact."""
    if (long := raw.long_integer(name)) is not None:
        raise UserError(
            f"target {name} holds whole numbers such as {long}, of which a number loses the last digits; if they are "
            "names, task='class' (--data.task=class) takes them for such; else write them in a larger unit"
        )


def _one_name_each(target: str, texts: Sequence[str], values: np.ndarray) -> list[str]:
    """Returns the names of classes that are numbers; one that is written in several ways is named by its value."""
    names_of = defaultdict(set)
    for text, value in zip(texts, values.tolist()):
        names_of[value].add(text)
    several = [f"{min(names)!r} and {max(names)!r}" for names in names_of.values() if len(names) > 1]
    if several:
        logger.info(f"target {target}: {', '.join(several[:5])} are one")
    return [text if len(names_of[value]) == 1 else category_name(value) for text, value in zip(texts, values.tolist())]
