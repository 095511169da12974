"""What the rows of a table are split by: groups, times, what is written down; and that equal ones belong together."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxflow.data.reading.category_names import category_key, category_name
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.tables.cells import find_form, infer_column_type, parse_column
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.data.written_splits import add_written
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")


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
    groups = None if group is None else _read_groups(group, raw, rows)
    keys = replace(keys, groups=groups, times=None if time is None else _read_times(time, raw, rows))
    if files is not None:
        if isinstance(rule, KFold) or getattr(rule, "column", None):
            raise UserError(
                "data.test and data.validation name the splits; what they lack data.split takes out of train, and is "
                "HoldOut() or TimeSplit() without a column"
            )
        return replace(keys, written=[files[row] for row in rows], written_in="the table's files")

    def cells(name: str) -> list[str | None]:
        if name not in raw:
            raise UserError(f"data.split names {name!r}, but the table has the columns {listed(raw)}")
        return [None if cell is None else category_name(cell) for cell in raw[name][rows]]

    return add_written(keys, rule, "the table", cells)


def _read_groups(name: str, raw: RawTable, rows: np.ndarray) -> list[str]:
    """Returns the name of each row's group, the same however a value is written: the first of its spellings."""
    values, spellings = raw[name][rows], {}
    for value in set(values):
        known, text = category_key(value), repr(value)
        spellings[known] = min(spellings.get(known, text), text)
    return [spellings[category_key(value)] for value in values]


def _read_times(name: str, raw: RawTable, rows: np.ndarray) -> np.ndarray:
    """Reads the column of times: (rows,) datetime64[s], or float64 numbers.

    Raises:
      UserError: it holds something else, or some rows have none.
    """
    kind = infer_column_type(raw, name, rows)
    if kind not in ("number", "date"):
        raise UserError(f"data.time names {name}, which holds neither dates nor numbers")
    times = parse_column(raw, name, kind, find_form(raw, name, kind, rows))[rows]
    if (times != times).any():  # NaN and NaT
        raise UserError(f"data.time names {name}, where some rows have none; fill them in or leave these rows out")
    return times


def split_rows(rule: Any, keys: SplitKeys, ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Splits rows so that equal ones lie in one split, unless too few differ; what is done with them is logged.

    Args:
      rule: how rows are held out.
      keys: what they are split by; equal rows have one id.
      ids: another id for each row.

    Returns:
      The rows of each split.

    Raises:
      UserError: a split would be empty.
    """
    different, count = len(set(keys.ids)), len(ids)
    try:
        parts = rule.split(keys)
    except UserError:
        if different == count:
            raise
        parts = rule.split(replace(keys, ids=ids))
        logger.info(f"only {different:,} of {count:,} rows differ, so equal ones lie in several splits")
        return parts
    if different < count and keys.groups is None and keys.times is None and keys.written is None:
        logger.info(f"{count - different:,} of {count:,} rows equal an earlier one, and lie in its split")
    return parts
