"""Reads which split or fold a column says that each example belongs to: of the data's own table, or of another one."""

import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxflow.data.reading.text.rows import read_names, require_columns
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")

# Columns that name examples, the likeliest first.
ID_COLUMNS = ("id", "path", "filename", "file_name", "file", "image", "name")


def add_written(
    examples: SplitKeys, rule: Any, source: str, column: Callable[[str], Sequence[str | None]] | None = None
) -> SplitKeys:
    """Returns keys with what is written down of each example, where the rule names a column.

    Args:
      examples: what else is known of the examples.
      rule: the split rule.
      source: what the data is called, for messages.
      column: reads a column of the data's own table: (examples,) text, None where a cell is empty. None where the data
        has no table.

    Raises:
      UserError: there is no such column or file, or it says nothing of any example.
    """
    if not isinstance(rule, HoldOut | KFold) or rule.column is None:
        return examples
    if rule.table is not None:
        where = f"column {rule.column} of {rule.table}"
        written = _by_id(examples.ids, Path(os.path.expanduser(rule.table)), rule.column)
    elif column is not None:
        where = f"column {rule.column} of {source}"
        written = [cell.strip() or None if cell else None for cell in column(rule.column)]
    else:
        raise UserError(
            f"split.column names {rule.column!r}, but {source} has no table; name the one that has it: split.table"
        )
    if not any(written):
        raise UserError(f"{where} says nothing of any example of {source}; name another")
    return dataclasses.replace(examples, written=written, written_in=where)


def _by_id(ids: Sequence[str], path: Path, column: str) -> list[str | None]:
    """Returns what a table says of each id; ids that are paths are found by their file's name too."""
    key, cells = _read_cells(path, column)
    by_name = not any(id_ in cells for id_ in ids)
    if by_name:
        names = [name.rpartition("/")[2] for name in cells]
        cells = dict(zip(names, cells.values())) if len(set(names)) == len(names) else {}
    keys = [id_.rpartition("/")[2] if by_name else id_ for id_ in ids]
    if by_name and len(set(keys)) < len(keys):
        cells = {}  # two files of one name
    if not any(name in cells for name in keys):
        raise UserError(
            f"column {key} of {path} names none of the {len(ids)} examples, the first of which is {ids[0]!r}; name "
            "them as data.json and test.csv do, of a table by its column data.id"
        )
    unknown = [name for name in cells if name not in set(keys)]
    if unknown:
        logger.info(f"{path} names {len(unknown):,} examples that the data does not have, the first {unknown[0]!r}")
    logger.info(f"splits by column {column} of {path}, which names examples in column {key}")
    return [cells.get(name) for name in keys]


def _read_cells(path: Path, column: str) -> tuple[str, dict[str, str | None]]:
    """Reads a column of a text file: the name of the column of ids, and the cell of each id."""
    header, rows = read_names(path, "split.table: a CSV of ids and splits", (column,))
    require_columns(str(path), header, {column: "data.split.column"})
    if len(header) < 2:
        raise UserError(f"{path} has column {column!r} alone; it needs one of ids beside it")
    others = [name for name in header if name != column]
    key = next((name for name in ID_COLUMNS if name in others), others[0])
    cells: dict[str, str | None] = {}
    for line, row in rows:
        name, cell = row.get(key, ""), row.get(column) or None
        if not name and any(row.values()):
            raise UserError(
                f"{path}, line {line}: its {key} is empty, so it names no example; write it or remove the line"
            )
        if cells.setdefault(name, cell) != cell:
            raise UserError(f"{path}, line {line}: {name!r} is {cell}, and {cells[name]} above; correct one of them")
    return key, cells
