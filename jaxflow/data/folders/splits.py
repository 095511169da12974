"""Assigns the files of a folder to splits: those that are written down, the folder's, or what is held out of train."""

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut, as_rule
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.written import SPLITS
from jaxflow.data.written_splits import add_written
from jaxflow.errors import UserError

logger = logging.getLogger("jaxflow")


def check_group(pattern: str | None) -> None:
    """Raises UserError if a regular expression has no group."""
    try:
        groups = 1 if pattern is None else re.compile(pattern).groups
    except re.error as error:
        raise UserError(f"data.group {pattern!r} is no regular expression: {error}") from error
    if groups == 0:
        raise UserError(f"data.group {pattern!r} has no (...) around what names a group; for example '_(.+)_'")


def find_groups(ids: Sequence[str], pattern: str | None, folder: Path) -> list[str] | None:
    """Finds the group of each file.

    Args:
      ids: paths of the files, below the folder.
      pattern: regular expression that is searched in each path; its first group is the name. None where there are no
        groups.
      folder: the folder, for messages.

    Returns:
      The names; None where there are no groups.

    Raises:
      UserError: a path does not match.
    """
    if pattern is None:
        return None
    found = [re.search(pattern, id_) for id_ in ids]
    wrong = [id_ for id_, match in zip(ids, found) if match is None or match[1] is None]
    if wrong:
        raise UserError(
            f"data.group {pattern!r} finds no group in {wrong[0]!r} ({len(wrong)} of {len(ids)} files of {folder}); "
            "correct it, or rename the files"
        )
    groups = [match[1] for match in found]
    counts = Counter(groups)
    most = ", ".join(f"{name} {count}" for name, count in counts.most_common(10))
    logger.info(f"{len(counts)} groups ({most}{', ...' if len(counts) > 10 else ''})")
    return groups


def assign_splits(
    split: HoldOut | KFold | str,
    ids: Sequence[str],
    official: Sequence[str | None],
    folder: Path,
    classes: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
    column: Callable[[str], Sequence[str | None]] | None = None,
) -> tuple[dict[str, np.ndarray], SplitKeys]:
    """Assigns files to splits. Those that are written down are kept, and HoldOut takes out of train what is missing.

    Args:
      split: how examples are held out; text names a column.
      ids: paths of the files.
      official: the split whose folder each file lies in; None where there are no such folders.
      folder: the folder, for messages.
      classes: (files,) class indices, for stratified splits.
      groups: name of each file's group, which is kept in one split; None where there are no groups. Splits that are
        written down are kept even so, with a message where groups are split across them.
      column: reads a column of the table of labels, (files,) text; None where there is no such table.

    Returns:
      (examples,) indices of each split, and what they were decided by.

    Raises:
      UserError: a split would be empty, or official splits and `split` do not go together.
    """
    rule = as_rule(split)
    keys = add_written(SplitKeys(ids, groups, classes), rule, str(folder), column)
    found = [name for name in SPLITS if name in official]
    means, whole = ("folders", f"the folders of {folder}") if folder.is_dir() else ("files", f"the files with {folder}")
    if found and keys.written is None:
        if not isinstance(rule, HoldOut):
            raise UserError(
                f"data.split is {type(rule).__name__}, but {folder} is split by its {means} "
                f"({', '.join(found)}); name the folder below it, or use HoldOut"
            )
        keys = dataclasses.replace(keys, written=official, written_in=whole)
    return rule.split(keys), keys
