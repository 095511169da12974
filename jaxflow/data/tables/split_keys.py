"""What the rows of a table are split by: names, groups, times, what is written; equal ones belong together."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxflow.data.reading.category_names import category_key, category_name
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.data.tables.times import TimeColumn, read_times
from jaxflow.data.written_splits import add_written
from jaxflow.errors import UserError, listed, meant

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

logger = logging.getLogger("jaxflow")

# Cells that `category_key` may call otherwise: idle signs and zeros, exponents, spaces, booleans, full stops,
# letters that Unicode writes in two ways.
UNUSUAL = r"[^\x00-\x7f]|^\+|^-?\.|\.[0-9]*0$|\.$|^-0$|^[+-]?[0-9.]+[eE]|^[\s\pZ]|[\s\pZ]$|^(?i:true|false)$"


def keys_from_cells(table: RawTable) -> list[str]:
    """Computes a digest of the cells of each row, which equal rows share; the order of rows and columns has no part.

    Cells of one value are equal however they are spelled; a value that a column spells in one way keeps its spelling.
    """
    respelled = {name: _respelled(table.column(name)) for name in table}
    return [
        hashlib.sha256("\x1f".join(map(repr, row)).encode()).hexdigest()[:16]
        for block in table.blocks()
        for row in zip(*([respelled[name].get(cell, cell) for cell in block[name]] for name in sorted(block)))
    ]


def _respelled(column: "pyarrow.ChunkedArray") -> dict[str, str]:
    """Returns for the texts of a column that another one equals by value, such as 3.0 beside 3, their one spelling."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_string(column.type):
        return {}
    known = compute.drop_null(compute.unique(column))
    try:
        unusual = known.filter(compute.match_substring_regex(known, UNUSUAL)).to_pylist()
    except ValueError:  # no UTF-8, which is named where rows are read
        return {}
    keys = [category_key(cell) for cell in unusual]
    counts = Counter(keys)
    beside = compute.is_in(pyarrow.array(keys, pyarrow.string()), known).to_pylist()
    return {cell: key for cell, key, twice in zip(unusual, keys, beside) if twice or counts[key] > 1}


def ids_from_column(name: str, table: RawTable) -> list[str]:
    """Reads row ids from a column.

    Args:
      name: the column's.
      table: the table.

    Returns:
      One id per row.

    Raises:
      UserError: a row has none, or two have the same; they are named.
    """
    if (missing := table.missing(name)).any():
        where = f"{table.row_name(int(missing.argmax()))} ({missing.sum():,} such)"
        raise UserError(
            f"column {name} holds no id in {where}: it is empty, or what stands for a missing value, such as NA "
            "(data.missing); fill it in, leave the row out, or name another column or none (data.id)"
        )
    ids = [str(value) for value in table[name]]
    duplicate, count = Counter(ids).most_common(1)[0]
    if count > 1:
        one = ids.index(duplicate)
        where = f"{table.row_name(one)} and {table.row_name(ids.index(duplicate, one + 1))}"
        raise UserError(
            f"column {name} names two rows {duplicate!r}, {where}; ids differ: name another column, or none"
        )
    return ids


def read_split_keys(
    rule: Any,
    raw: RawTable,
    rows: np.ndarray,
    keys: SplitKeys,
    files: Sequence[str] | None,
    group: str | None,
    time: TimeColumn | None,
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
    groups = None if group is None else _read_groups(group, raw, rows, keys.ids)
    keys = replace(keys, groups=groups, times=None if time is None else read_times(time, raw, rows))
    if files is not None:
        if isinstance(rule, KFold) or getattr(rule, "column", None):
            raise UserError(
                "data.test and data.validation name the splits; what they lack data.split takes out of train, and is "
                "HoldOut() or TimeSplit() without a column"
            )
        return replace(keys, written=[files[row] for row in rows], written_in="the table's files")

    def cells(name: str) -> list[str | None]:
        if name not in raw:
            raise UserError(f"data.split names {name!r}, but the table has the columns {listed(raw)}{meant(name, raw)}")
        return [None if cell is None else category_name(cell) for cell in raw[name][rows]]

    return add_written(keys, rule, "the table", cells)


def _read_groups(name: str, raw: RawTable, rows: np.ndarray, ids: Sequence[str]) -> list[str]:
    """Returns the name of each row's group, the same however a value is written: the first of its spellings.

    A row without one is a group of its own, which is logged: nothing says that such rows belong together.
    """
    values, spellings = raw[name][rows], {}
    for value in {*values} - {None}:
        known, text = category_key(value), repr(value)
        spellings[known] = min(spellings.get(known, text), text)
    if absent := sum(value is None for value in values):
        logger.info(
            f"{absent:,} of {len(rows):,} rows have no {name}: each is a group of its own "
            f"(data.required=({name!r},) leaves them out)"
        )
    return [f"row {id_}" if value is None else spellings[category_key(value)] for value, id_ in zip(values, ids)]


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
