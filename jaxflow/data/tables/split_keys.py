"""What the rows of a table are split by: groups, times, and that equal ones belong together."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxflow.data.reading.category_names import category_key
from jaxflow.data.splitting import HoldOut, KFold, SplitKeys, TimeSplit
from jaxflow.data.tables.cells import find_form, infer_column_type, parse_column
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")


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


def split_rows(split: HoldOut | TimeSplit | KFold, keys: SplitKeys, ids: Sequence[str]) -> dict[str, np.ndarray]:
    """Splits rows so that equal ones lie in one split, unless too few differ; what is done with them is logged.

    Args:
      split: how rows are held out.
      keys: what they are split by; equal rows have one id.
      ids: another id for each row.

    Returns:
      The rows of each split.

    Raises:
      UserError: a split would be empty.
    """
    different, count = len(set(keys.ids)), len(ids)
    try:
        parts = split.split(keys)
    except UserError:
        if different == count:
            raise
        parts = split.split(replace(keys, ids=ids))
        logger.info(f"only {different:,} of {count:,} rows differ, so equal ones lie in several splits")
        return parts
    if different < count and keys.groups is None and keys.times is None:
        logger.info(f"{count - different:,} of {count:,} rows equal an earlier one, and lie in its split")
    return parts
