"""A table whose splits lie in files of their own."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.data.storage.cache import cache_key
from jaxflow.data.tables.raw_table import RawTable
from jaxflow.data.tables.read import check_table
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


def read_tables(files: Mapping[str, Path], read: Callable[[Path], RawTable]) -> tuple[RawTable, list[str] | None]:
    """Reads one file, or the files of several splits as one table.

    Args:
      files: by split.
      read: reads one of them.

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

    for table, other in zip(others, list(files.values())[1:]):
        if set(table) != set(first):
            lacks, more = [name for name in first if name not in table], [name for name in table if name not in first]
            told = f"lacks {listed(lacks)}" if lacks else f"has {listed(more)} besides"
            advice = "; rows without a target are for `predict`" if lacks else ""
            raise UserError(f"{other} {told}, unlike {path}; the files of splits have the same columns{advice}")
    try:
        columns = first.arrow.column_names
        whole = pyarrow.concat_tables(
            [first.arrow, *(table.arrow.select(columns) for table in others)], promote_options="permissive"
        )
    except pyarrow.ArrowException as error:
        raise UserError(
            f"{listed(map(str, files.values()))} hold columns of different types: {reason(error)}"
        ) from error
    splits, starts = [], []
    for split, table in tables.items():
        starts.append((len(splits), files[split], table.dialect))
        splits += [split] * table.rows
    return RawTable(whole, dialect=first.dialect, files=tuple(starts)), splits


def tables_key(paths: Sequence[Path], how: Any) -> str:
    """Computes the cache's key of files, of which the first is the table, and what they become, as `cache_key`.

    Raises:
      UserError: there is no such file.
    """
    for path in paths:
        check_table(path)
    return cache_key(paths[0], how, (".", *(os.path.abspath(os.path.expanduser(path)) for path in paths[1:])))
