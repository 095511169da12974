"""The column of a table that is to be predicted."""

from typing import Literal

import numpy as np

from jaxflow.data.reading.category_names import category_names
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.columns import natural_order
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError
from jaxflow.schema import Target

# Distinct values up to which a target of whole numbers is taken for classes.
MAX_CLASSES = 20


def read_targets(
    name: str, task: Literal["auto", "class", "number"], raw: RawTable, rows: np.ndarray
) -> tuple[np.ndarray, Target]:
    """Reads the column that is to be predicted.

    Args:
      name: the column's.
      task: as `Table.task`.
      raw: the table.
      rows: indices of the rows that are used; none of them misses it.

    Returns:
      (rows,) int32 class indices or float64 values, and what they are.

    Raises:
      UserError: a value is no finite number where one must be, or there is one class only.
    """
    numeric = task != "class" and infer_column_type(raw, name, rows) == "number"
    if task == "number" or numeric:
        values = parse_column(raw, name, "number")[rows]
        if np.isnan(values).any():
            raise UserError(f"target {name} is not finite in row {rows[np.isnan(values).argmax()] + 1}")
        few = len(np.unique(values)) <= MAX_CLASSES and not (values % 1).any()
        if task == "number" or not few:
            return values, Target("number", (name,))
    values = raw[name][rows]
    name_of = category_names(set(values), f"target {name}")
    texts = [name_of[value] for value in values]
    names = sorted(set(texts), key=natural_order)
    if len(names) < 2:
        raise UserError(f"target {name} has one class only, {names[0]!r}; there is nothing to predict")
    index_of = {text: index for index, text in enumerate(names)}
    return np.array([index_of[text] for text in texts], np.int32), Target("class", tuple(names))
