"""Columns of a table that rows are split by: groups and times."""

import numpy as np

from jaxflow.data.reading.category_names import category_key
from jaxflow.data.tables.cells import find_form, infer_column_type, parse_column
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError


def read_groups(name: str, raw: RawTable, rows: np.ndarray) -> list[str]:
    """Returns the name of each row's group, the same however a value is written: the first of its spellings."""
    values, spellings = raw[name][rows], {}
    for value in set(values):
        known, text = category_key(value), repr(value)
        spellings[known] = min(spellings.get(known, text), text)
    return [spellings[category_key(value)] for value in values]


def read_times(name: str, raw: RawTable, rows: np.ndarray) -> np.ndarray:
    """Reads the column of times: (rows,) int64 seconds of dates, or float64 numbers.

    Raises:
      UserError: it holds something else, or some rows have none.
    """
    kind = infer_column_type(raw, name, rows)
    if kind not in ("number", "date"):
        raise UserError(f"data.time names {name}, which holds neither dates nor numbers")
    times = parse_column(raw, name, kind, find_form(raw, name, kind, rows))[rows]
    if (times != times).any():  # NaN and NaT
        raise UserError(f"data.time names {name}, where some rows have none; fill them in or leave these rows out")
    return times.astype("int64" if kind == "date" else np.float64)
