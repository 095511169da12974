"""Files with a class each, from a folder: found, read once, split."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.checks import check_classes, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.duplicate_files import drop_identical, find_identical_files
from jaxflow.data.folders.file_split import FileSplit, read_all
from jaxflow.data.folders.layout import find_labelled
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.folders.splits import assign_splits, find_groups
from jaxflow.data.reading.corrupt import check_corrupt
from jaxflow.data.reading.formats import KINDS, read_files
from jaxflow.data.splitting import groups_by_split
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.errors import UserError
from jaxflow.schema import Feature, Schema, Target

logger = logging.getLogger("jaxflow")

# Counts the ways in which files have been read for what the cache keeps.
CACHE_VERSION = 3


def load_labelled(source: LabelledSource, feature: Feature) -> Dataset:
    """Finds the files of a folder, reads each once and splits them; an example's id is its path below the folder.

    Args:
      source: its folder has one for each class, official splits of such, or files named by class.
      feature: what files become; its kind says which files are looked for.

    Returns:
      The dataset; `excluded` counts unreadable files by the folder's own splits, or as "all" where it has none.

    Raises:
      UserError: the folder or its labels make no dataset, or more files are unreadable than `max_corrupt`.
    """
    folder, kind = Path(source.path).expanduser(), KINDS[feature.kind]
    require_folder(folder, source.download_hint)
    found = find_labelled(folder, kind, source.labels)
    doubles = 0
    if source.drop_duplicates:
        stands_for = find_identical_files(folder, [(file.path,) for file in found], [file.split for file in found])
        for file, kept in zip(found, (found[index] for index in stands_for)):
            if file.label != kept.label:
                raise UserError(
                    f"{folder / file.path} and {kept.path} hold the same bytes, and are of {file.label!r} and "
                    f"{kept.label!r}; correct one of the labels, or remove both"
                )
        found, doubles = drop_identical(found, stands_for)
    paths = [folder / file.path for file in found]

    def read_once() -> dict[str, np.ndarray]:
        examples = ({"inputs": a} if isinstance(a, np.ndarray) else a for a in read_files(paths, feature))
        like = {"inputs": (feature.shape, feature.dtype)} if source.in_memory else {}
        return read_all(examples, len(paths), like, source.max_corrupt, folder.name)

    # The first time every file is read, whether it is kept or not: both ways then have the same examples.
    arrays = cached_arrays(files_key(folder, [file.path for file in found], feature, source.in_memory), read_once)
    report_excluded(arrays["bad"], source.max_corrupt, kind.plural)
    names = tuple(sorted({file.label for file in found}))
    number_of = {name: number for number, name in enumerate(names)}
    good = [found[number] for number in arrays["numbers"]]
    targets = np.array([number_of[file.label] for file in good], np.int32)
    ids = [file.path for file in good]
    groups = find_groups(ids, source.group, folder)
    parts = assign_splits(source.split, ids, [file.split for file in good], folder, targets, groups)
    report_classes(folder, kind.plural, names, targets)
    check_classes(names, targets, parts, str(folder), f"readable {kind.plural}")
    splits = make_splits(folder, feature, arrays.get("inputs"), ids, targets, parts)
    schema, excluded = Schema(feature, Target("class", names)), count_excluded(found, good, doubles)
    return validate(Dataset(splits, schema, excluded, groups=groups_by_split(groups, parts)))


def make_splits(
    folder: Path,
    feature: Feature,
    inputs: np.ndarray | None,
    ids: Sequence[str],
    targets: np.ndarray,
    parts: Mapping[str, np.ndarray],
) -> dict[str, ArraySplit | FileSplit]:
    """Makes splits of files.

    Args:
      folder: where they are.
      feature: what they become.
      inputs: (examples, ...) what they became; None where they are read anew for each batch.
      ids: their paths below `folder`.
      targets: (examples, ...).
      parts: the examples of each split.

    Returns:
      The splits by name.
    """
    if inputs is None:
        everything = FileSplit(folder, feature, np.array(ids, np.str_), targets)
    else:
        everything = ArraySplit(inputs, targets, ids)
    return {name: everything.take(chosen) for name, chosen in parts.items()}


def count_excluded(found: Sequence[Any], good: Sequence[Any], doubles: int) -> dict[str, int]:
    """Counts files that cannot be read, by the folder's own split or as "all", and duplicates."""
    unread = Counter(file.split or "all" for file in found) - Counter(file.split or "all" for file in good)
    return dict(unread) | ({"duplicates": doubles} if doubles else {})


def report_excluded(bad: np.ndarray, max_corrupt: int, plural: str) -> None:
    """Says which files were left out, or refuses that many."""
    check_corrupt(bad.tolist(), max_corrupt)
    if len(bad):
        logger.info(f"left out {len(bad)} unreadable {plural} (data.max_corrupt {max_corrupt}): {bad[0]}")


def files_key(folder: Path, paths: Sequence[str], feature: Feature, in_memory: bool) -> str:
    """Names files by path, size and time, and what they become: a changed file is read anew."""
    return cache_key(folder, (CACHE_VERSION, feature), paths) + ("" if in_memory else "-index")


def require_folder(folder: Path, download_hint: str | None) -> None:
    """Says where a folder that is missing can be had."""
    if download_hint and not os.path.exists(folder):
        raise UserError(f"data.path {folder} is not there; {download_hint}, or name another folder: --data.path=DIR")


def report_classes(folder: Path, plural: str, names: Sequence[str], targets: np.ndarray) -> None:
    """Prints how many examples each class has.

    Args:
      folder: what the examples come from.
      plural: what they are called.
      names: names of the classes.
      targets: (examples,) class indices.
    """
    counts = np.bincount(targets, minlength=len(names))
    most = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts))[:10])
    logger.info(
        f"{folder}: {len(targets)} {plural} of {len(names)} classes ({most}{', ...' if len(names) > 10 else ''})"
    )
