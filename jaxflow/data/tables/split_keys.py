"""What the splits of a table are decided by: columns of groups, of times, of splits, and the files that it lies in."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.tables.cells import category_name, infer_column_type, parse_column
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.data.written_splits import add_written
from jaxflow.errors import UserError, listed


def read_split_keys(
    rule: Any,
    raw: RawTable,
    rows: np.ndarray,
    keys: SplitKeys,
    files: Sequence[str] | None,
    group: str | None,
    time: str | None,
) -> SplitKeys:
    """Adds to the names and classes of rows what else splits are decided by.

    Args:
      rule: the split rule.
      raw: the table.
      rows: indices of the rows that are used.
      keys: their names and classes.
      files: the split whose file each row of the table lies in; None of a single file.
      group: column of groups; None where there is none.
      time: column of times; None where there is none.

    Raises:
      UserError: a column is missing or holds something else, or files and a column both say what the splits are.
    """
    groups = None if group is None else [repr(value) for value in raw[group][rows]]
    keys = dataclasses.replace(keys, groups=groups, times=None if time is None else _times(time, raw, rows))
    if files is not None:
        if isinstance(rule, KFold) or getattr(rule, "column", None):
            raise UserError(
                "data.test and data.validation name the splits; what they lack data.split takes out of train, and is "
                "HoldOut() or TimeSplit() without a column"
            )
        return dataclasses.replace(keys, written=[files[row] for row in rows], written_in="the table's files")

    def cells(name: str) -> list[str | None]:
        if name not in raw:
            raise UserError(f"data.split names {name!r}, but the table has the columns {listed(raw)}")
        return [None if cell is None else category_name(cell) for cell in raw[name][rows]]

    return add_written(keys, rule, "the table", cells)


def _times(name: str, raw: RawTable, rows: np.ndarray) -> np.ndarray:
    kind = infer_column_type(raw, name, rows)
    if kind not in ("number", "date"):
        raise UserError(f"data.time names {name}, which holds neither dates nor numbers")
    times = parse_column(raw, name, kind)[rows]
    if (times != times).any():  # NaN and NaT
        raise UserError(f"data.time names {name}, where some rows have none; fill them in or leave these rows out")
    return times
