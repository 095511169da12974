"""Loads files with a class each from a folder: found, read once, split."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxflow.data.checks import report_unlearned, report_untested, validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.folders.duplicate_files import drop_identical, find_identical_files, report_identical_files
from jaxflow.data.folders.file_split import FileSplit, read_all
from jaxflow.data.folders.labels import encode_labels, report_targets
from jaxflow.data.folders.layout import LabelledFile, find_labelled
from jaxflow.data.folders.measures import fit_levels, read_measured, report_pages, report_sizes
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.folders.splits import assign_splits, find_groups
from jaxflow.data.reading.corrupt import report_corrupt
from jaxflow.data.reading.formats import KINDS
from jaxflow.data.splitting.advice import advise_on_rare_class
from jaxflow.data.splitting.hold_out import as_rule
from jaxflow.data.splitting.keys import groups_by_split
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.data.targets import check_targets, drop_constant_labels
from jaxflow.errors import UserError, perhaps
from jaxflow.schema import Feature, Schema

# Changes with the way in which the cache holds files.
CACHE_VERSION = 5


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
    numbers = source.task in ("number", "text")
    found = find_labelled(folder, kind, source.labels, source.folders, source.follow_links, source.target, numbers)
    duplicates = 0
    if source.drop_duplicates:
        representatives = find_identical_files(folder, [(file.path,) for file in found], [file.split for file in found])
        _check_labels(folder, found, representatives)
        found, duplicates = drop_identical(found, representatives)
    paths = [folder / file.path for file in found]

    def read(feature: Feature) -> dict[str, np.ndarray]:
        # The first time every file is read, whether inputs are kept or not: both ways then have the same examples.
        like = {"measured": ((len(kind.measures),), "float64")}
        like |= {"inputs": (feature.shape, feature.dtype)} if source.in_memory else {}
        return cached_arrays(
            files_key(folder, [file.path for file in found], feature, source.in_memory),
            lambda: read_all(read_measured(paths, feature), len(paths), like, source.max_corrupt, folder.name),
        )

    arrays = read(feature)
    report_corrupt(arrays["bad"].tolist(), source.max_corrupt, kind.plural)
    good = [found[number] for number in arrays["numbers"]]
    targets, target = encode_labels(source.target, source.task, source.label_separator, found, good)
    ids = [file.path for file in good]
    groups = find_groups(ids, source.group, folder)
    classes = targets if target.kind == "class" and not target.dense_shape else None
    column = None if source.labels is None else partial(_cells, good, source.labels)
    parts, keys = assign_splits(source.split, ids, [file.split for file in good], folder, classes, groups, column)
    if keys.written is not None and not source.drop_duplicates:
        report_identical_files(folder, [(path,) for path in ids], parts, keys.written_in)
    targets, target = drop_constant_labels(source.task, targets, target, parts["train"], str(folder))
    report_targets(folder, kind.plural, target, targets)
    if target.dense_shape:
        report_unlearned(target.names, targets, parts)
    if classes is not None:
        report_untested(target.names, classes, parts, keys.written_in)
    advice = advise_on_rare_class(as_rule(source.split), keys)
    check_targets(target, targets, parts, str(folder), f"readable {kind.plural}", advice)
    report_pages(feature, ids, arrays["measured"], folder)
    report_sizes(feature, arrays["measured"], folder)
    fitted = fit_levels(feature, arrays["measured"][parts["train"]], folder)
    arrays, feature = arrays if fitted == feature else read(fitted), fitted
    splits = make_splits(folder, feature, arrays.get("inputs"), ids, targets, parts)
    excluded = count_excluded(found, good, duplicates) | count_unassigned(parts, len(good))
    groups, written_in = groups_by_split(groups, parts), keys.written_in or None
    return validate(Dataset(splits, Schema(feature, target), excluded, groups=groups, written_in=written_in))


def _cells(files: Sequence[LabelledFile], labels: str, name: str) -> list[str | None]:
    """Reads a column of the table of labels."""
    if any(name not in (file.cells or {}) for file in files):
        raise UserError(f"data.split names {name!r}, but {labels} has no such column, or not in every line")
    return [(file.cells or {})[name] for file in files]


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
        near = perhaps(folder)
        raise UserError(
            f"data.path {folder} is not there{near}; {download_hint}, or name another folder: --data.path=DIR"
        )
