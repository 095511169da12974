"""A table whose splits lie in files of their own."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxflow.data.storage.cache import cache_key
from jaxflow.data.tables.raw.read import check_table
from jaxflow.data.tables.raw.table import RawTable
from jaxflow.errors import UserError, listed, reason


def files_by_split(given: Mapping[str, str | None]) -> dict[str, Path]:
    """Returns the files of splits, those that are given.

    Raises:
      UserError: two splits are to be read from one file: what is tested would be what was trained on.
    """
    files = {split: Path(os.path.expanduser(path)) for split, path in given.items() if path is not None}
    split_of: dict[str, str] = {}
    for split, path in files.items():
        other = split_of.setdefault(os.path.realpath(path), split)
        if other != split:
            raise UserError(f"{path} is the file of the {other} split and of the {split} split; name a file for each")
    return files


def read_tables(
    files: Mapping[str, Path], read: Callable[[Path], RawTable], targets: Sequence[str]
) -> tuple[RawTable, list[str] | None]:
    """Reads one file, or the files of several splits as one table.

    Args:
      files: by split.
      read: reads one of them.
      targets: the columns to predict.

    Returns:
      The table, its rows in the order of the files, and the split of each row; None of a single file.

    Raises:
      UserError: a file cannot be read, or has other columns than the first.
    """
    tables = {split: read(path) for split, path in files.items()}
    (first, *others), (path, *_) = tables.values(), files.values()
    if not others:
        return first, None
    import pyarrow

    for split, table in list(tables.items())[1:]:
        other = files[split]
        if any(name in first and (name not in table or table.missing(name).all()) for name in targets):
            raise UserError(
                f"{other} has no {listed(targets)} to compare with, unlike {path}, so it is no {split} split: leave "
                f"data.{split} out, and predict it after training: predict --input {other}"
            )
        if set(table) != set(first):
            lacks, more = [name for name in first if name not in table], [name for name in table if name not in first]
            told = f"lacks {listed(lacks)}" if lacks else f"has {listed(more)} besides"
            raise UserError(f"{other} {told}, unlike {path}; the files of splits have the same columns")
    try:
        columns = first.arrow.column_names
        whole = pyarrow.concat_tables(
            [first.arrow, *(table.arrow.select(columns) for table in others)], promote_options="permissive"
        )
    except pyarrow.ArrowException as error:
        raise UserError(
            f"{listed(map(str, files.values()))} hold columns of different types: {reason(error)}"
        ) from error
    parts = tuple(file for table in tables.values() for file in table.files)
    found = frozenset().union(*(table.marks.found for table in tables.values()))
    splits = [split for split, table in tables.items() for _ in range(table.rows)]
    return RawTable(whole, 0, first.dialect, parts, replace(first.marks, found=found)), splits


def tables_key(paths: Sequence[Path], how: Any) -> str:
    """Computes the cache's key of files, of which the first is the table, and what they become, as `cache_key`.

    Raises:
      UserError: there is no such file.
    """
    for path in paths:
        check_table(path)
    return cache_key(paths[0], how, (".", *(os.path.abspath(os.path.expanduser(path)) for path in paths[1:])))
