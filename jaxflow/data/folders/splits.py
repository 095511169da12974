"""Assigns the files of a folder to splits: the folder's official ones, or what is held out of train."""

import dataclasses
import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.splitting import HoldOut, KFold, SplitKeys, groups_across_splits, groups_by_split
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
    split: HoldOut | KFold,
    ids: Sequence[str],
    official: Sequence[str | None],
    folder: Path,
    classes: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Assigns files to splits. Official splits are kept, and HoldOut takes out of train what is missing.

    Args:
      split: how examples are held out.
      ids: paths of the files.
      official: the split whose folder each file lies in; None where there are no such folders.
      folder: the folder, for messages.
      classes: (files,) class indices, for stratified splits.
      groups: name of each file's group, which is kept in one split; None where there are no groups. Official splits
        are kept even so, with a warning where groups are split across them.

    Returns:
      (examples,) indices of each split.

    Raises:
      UserError: a split would be empty, or official splits and `split` do not go together.
    """
    keys, given = SplitKeys(ids, groups, classes), {}
    for name in ("train", "validation", "test"):
        chosen = np.flatnonzero([file == name for file in official])
        given |= {name: chosen} if len(chosen) else {}
    if not given:
        return split.split(keys)
    if not isinstance(split, HoldOut):
        raise UserError(
            f"data.split is {type(split).__name__}, but {folder} is split by its folders "
            f"({', '.join(given)}); name the folder below it, or use HoldOut"
        )
    crossing = groups_across_splits(groups_by_split(groups, given))
    if crossing:
        logger.info(
            f"{len(crossing)} groups lie in more than one of the splits of {folder}, the first {crossing[0]!r}: a leak"
        )
    missing = dataclasses.replace(split, **{name: 0.0 for name in given if name != "train"})
    train = given["train"]
    return given | {name: train[chosen] for name, chosen in missing.split(keys.take(train)).items()}
