"""Loads files with a class each from a folder: found, read once, split."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxflow.data.checks import check_classes, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.duplicate_files import drop_identical, find_identical_files
from jaxflow.data.folders.file_split import FileSplit, read_all
from jaxflow.data.folders.layout import LabelledFile, find_labelled
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.folders.splits import assign_splits, find_groups
from jaxflow.data.reading.corrupt import report_corrupt
from jaxflow.data.reading.formats import KINDS, read_files
from jaxflow.data.splitting import groups_by_split
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.errors import UserError
from jaxflow.schema import Feature, Schema, Target

logger = logging.getLogger("jaxflow")

# Changes with the way in which the cache holds files.
CACHE_VERSION = 3


class InSplit(Protocol):
    """A file, or a pair of files, in the folder of an official split."""

    @property
    def split(self) -> str | None:
        """The official split; None where there are none."""
        ...


def load_labelled(source: LabelledSource, feature: Feature) -> Dataset:
    """Finds the files of a folder, reads each once and splits them; an example's id is its path below the folder.

    Args:
      source: its folder has one for each class, official splits of such, or files named by class.
      feature: what files become; its kind decides which files are read.

    Returns:
      The dataset; `excluded` counts unreadable files by official split, or as "all" where there are none.

    Raises:
      UserError: the folder or its labels make no dataset, or more files are unreadable than `max_corrupt`.
    """
    folder, kind = Path(os.path.expanduser(source.path)), KINDS[feature.kind]
    require_folder(folder, source.download_hint)
    found = find_labelled(folder, kind, source.labels)
    duplicates = 0
    if source.drop_duplicates:
        representatives = find_identical_files(folder, [(file.path,) for file in found], [file.split for file in found])
        _check_labels(folder, found, representatives)
        found, duplicates = drop_identical(found, representatives)
    paths = [folder / file.path for file in found]

    def read_once() -> dict[str, np.ndarray]:
        examples = ({"inputs": a} if isinstance(a, np.ndarray) else a for a in read_files(paths, feature))
        like = {"inputs": (feature.shape, feature.dtype)} if source.in_memory else {}
        return read_all(examples, len(paths), like, source.max_corrupt, folder.name)

    # The first time every file is read, whether inputs are kept or not: both ways then have the same examples.
    arrays = cached_arrays(files_key(folder, [file.path for file in found], feature, source.in_memory), read_once)
    report_corrupt(arrays["bad"].tolist(), source.max_corrupt, kind.plural)
    names = tuple(sorted({file.label for file in found}))
    index_of = {name: index for index, name in enumerate(names)}
    good = [found[number] for number in arrays["numbers"]]
    targets = np.array([index_of[file.label] for file in good], np.int32)
    ids = [file.path for file in good]
    groups = find_groups(ids, source.group, folder)
    parts = assign_splits(source.split, ids, [file.split for file in good], folder, targets, groups)
    report_classes(folder, kind.plural, names, targets)
    check_classes(names, targets, parts, str(folder), f"readable {kind.plural}")
    splits = make_splits(folder, feature, arrays.get("inputs"), ids, targets, parts)
    schema, excluded = Schema(feature, Target("class", names)), count_excluded(found, good, duplicates)
    return validate(Dataset(splits, schema, excluded, groups=groups_by_split(groups, parts)))


def _check_labels(folder: Path, found: Sequence[LabelledFile], representatives: np.ndarray) -> None:
    """Raises UserError if files that hold the same bytes have different labels."""
    for file, other in zip(found, (found[index] for index in representatives)):
        if file.label != other.label:
            raise UserError(
                f"{folder / file.path} and {other.path} hold the same bytes, and are of {file.label!r} and "
                f"{other.label!r}; correct one of the labels, or remove both"
            )


def make_splits(
    folder: Path,
    feature: Feature,
    inputs: np.ndarray | None,
    ids: Sequence[str],
    targets: np.ndarray,
    parts: Mapping[str, np.ndarray],
) -> dict[str, ArraySplit | FileSplit]:
    """Builds splits of files.

    Args:
      folder: the folder of the files.
      feature: what the files become.
      inputs: (examples, ...); None where files are read anew for each batch.
      ids: paths of the files below `folder`.
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


def count_excluded(found: Sequence[InSplit], good: Sequence[InSplit], duplicates: int) -> dict[str, int]:
    """Counts files that cannot be read, by official split or as "all", and duplicates."""
    unread = Counter(file.split or "all" for file in found) - Counter(file.split or "all" for file in good)
    return dict(unread) | ({"duplicates": duplicates} if duplicates else {})


def files_key(folder: Path, paths: Sequence[str], feature: Feature, in_memory: bool) -> str:
    """Computes the cache's key of files and what they become: a changed file is read anew."""
    return cache_key(folder, (CACHE_VERSION, feature), paths) + ("" if in_memory else "-index")


def require_folder(folder: Path, download_hint: str | None) -> None:
    """Raises UserError with download instructions if the folder is missing."""
    if download_hint and not os.path.exists(folder):
        raise UserError(f"data.path {folder} is not there; {download_hint}, or name another folder: --data.path=DIR")


def report_classes(folder: Path, plural: str, names: Sequence[str], targets: np.ndarray) -> None:
    """Logs how many examples each class has.

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
