"""Files with a class each, from a folder: found, read once, split."""

import dataclasses
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxflow.console import say
from jaxflow.data.cache import cached_arrays
from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.data.file_split import FileSplit, gather
from jaxflow.data.files import KINDS, read_files
from jaxflow.data.folder_layout import find_labelled
from jaxflow.data.records import allow
from jaxflow.data.splitting import Examples, HoldOut, KFold
from jaxflow.errors import UserError

# Counts the ways in which files have been read for what the cache keeps.
READ = 3


def load_labelled(
    folder: Path, labels: str | None, feature: Feature, split: HoldOut | KFold, *, in_memory: bool, max_corrupt: int
) -> Dataset:
    """Finds the files of a folder, reads each once and splits them; an example's id is its path below the folder.

    Args:
      folder: a folder for each class, official splits of such, or files named by class.
      labels: CSV file of path,label, relative to the folder; None where there is none.
      feature: what files become; its kind says which files are looked for.
      split: how examples are held out; official splits are kept.
      in_memory: whether what is read is kept.
      max_corrupt: files that may be unreadable; they are left out.

    Returns:
      The dataset; `left_out` counts unreadable files by the folder's own splits, or as "all" where it has none.

    Raises:
      UserError: the folder or its labels make no dataset, or more files are unreadable than `max_corrupt`.
    """
    kind = KINDS[feature.kind]
    found = find_labelled(folder, kind, labels)
    paths = [folder / file.path for file in found]

    def read_once() -> dict[str, np.ndarray]:
        examples = ({"inputs": a} if isinstance(a, np.ndarray) else a for a in read_files(paths, feature))
        like = {"inputs": (feature.shape, feature.dtype)} if in_memory else {}
        return gather(examples, len(paths), like, max_corrupt, folder.name)

    # The first time every file is read, whether it is kept or not: both ways then have the same examples.
    arrays = cached_arrays(key_of(folder, [file.path for file in found], feature, in_memory), read_once)
    say_left_out(arrays["bad"], max_corrupt, kind.plural)
    names = tuple(sorted({file.label for file in found}))
    number_of = {name: number for number, name in enumerate(names)}
    good = [found[number] for number in arrays["numbers"]]
    targets = np.array([number_of[file.label] for file in good], np.int32)
    ids = np.array([file.path for file in good], np.str_)
    if in_memory:
        everything = ArraySplit(arrays["inputs"], targets, ids.tolist())
    else:
        everything = FileSplit(folder, feature, ids, targets)
    assigned = assign(split, ids.tolist(), [file.split for file in good], folder, targets)
    _check_classes(folder, kind.plural, names, targets, assigned["train"])
    splits = {name: everything.take(chosen) for name, chosen in assigned.items()}
    left_out = Counter(file.split or "all" for file in found) - Counter(file.split or "all" for file in good)
    return checked(Dataset(splits, Schema(feature, Target("class", names)), dict(left_out)))


def assign(
    split: HoldOut | KFold,
    ids: Sequence[str],
    official: Sequence[str | None],
    folder: Path,
    classes: np.ndarray | None = None,
    groups: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Divides files. The folder's own splits are kept, and HoldOut takes out of train what is missing.

    Args:
      split: how examples are held out.
      ids: of the files.
      official: the folder's own split of each; None where it has none.
      folder: for messages.
      classes: (files,) integer labels, for stratified splits.
      groups: name of each file's group, which stays on one side; None where each is its own.

    Returns:
      (examples,) indices of each split.

    Raises:
      UserError: a split would be empty, or the folder's own splits and `split` do not go together.
    """

    def some(values: Sequence | None, chosen: np.ndarray) -> Sequence | None:
        return None if values is None else [values[index] for index in chosen]

    own = {}
    for name in ("train", "validation", "test"):
        chosen = np.flatnonzero([file == name for file in official])
        own |= {name: chosen} if len(chosen) else {}
    if not own:
        return split.assign(Examples(ids, groups, classes))
    if not isinstance(split, HoldOut):
        raise UserError(
            f"data.split is {type(split).__name__}, but {folder} is split by its folders "
            f"({', '.join(own)}); name the folder below it, or use HoldOut"
        )
    missing = dataclasses.replace(split, **{name: 0.0 for name in own if name != "train"})
    train = own["train"]
    within = Examples(some(ids, train), some(groups, train), None if classes is None else classes[train])
    return own | {name: train[chosen] for name, chosen in missing.assign(within).items()}


def say_left_out(bad: np.ndarray, max_corrupt: int, plural: str) -> None:
    """Says which files were left out, or refuses that many."""
    allow(bad.tolist(), max_corrupt)
    if len(bad):
        say(f"left out {len(bad)} unreadable {plural} (data.max_corrupt {max_corrupt}): {bad[0]}")


def key_of(folder: Path, paths: Sequence[str], feature: Feature, in_memory: bool) -> str:
    """Names files by path, size and time, and what they become: a changed file is read anew."""
    stats = ((folder / path).stat() for path in paths)
    files = [(path, now.st_size, now.st_mtime_ns) for path, now in zip(paths, stats)]
    digest = hashlib.sha256(repr((READ, feature, files)).encode()).hexdigest()[:16]
    return f"{folder.resolve().name}-{digest}" + ("" if in_memory else "-index")


def check_there(folder: Path, origin: str | None) -> None:
    """Says where a folder that is missing can be had."""
    if origin and not os.path.exists(folder):
        raise UserError(f"data.path {folder} is not there; {origin}, or name another folder: --data.path=DIR")


def _check_classes(folder: Path, plural: str, names: Sequence[str], targets: np.ndarray, train: np.ndarray) -> None:
    counts = np.bincount(targets, minlength=len(names))
    most = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts))[:10])
    say(f"{folder}: {len(targets)} {plural} of {len(names)} classes ({most}{', ...' if len(names) > 10 else ''})")
    unknown = np.setdiff1d(np.arange(len(names)), targets[train])
    if len(unknown):
        raise UserError(
            f"class {names[unknown[0]]!r} of {folder} has {counts[unknown[0]]} readable {plural} and none in the train "
            "split; give it more, or remove it"
        )
