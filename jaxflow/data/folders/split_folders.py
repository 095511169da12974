"""Decides which folders are splits and which are classes: by their names, doubted by what they hold."""

import itertools
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from jaxflow.data.splitting.written import splits_named
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")

# What the folders of a dataset may be.
Folders = Literal["auto", "classes", "splits"]
# The label in a file's name, and what separates it from the rest: cat.0.jpg, cat_0.jpg, cat-0.jpg, cat 0.jpg.
LABEL = re.compile(r"([^._\s-]+)[._\s-]")
# Words of a name, also where they are joined as in TrainImages.
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def splits_of(names: Iterable[str], prefixed: bool = False) -> dict[str, str]:
    """Returns the split that each of several folders' names means; not those that mean none.

    Args:
      names: of the folders, which lie beside one another: there evaluation may mean another split than alone.
      prefixed: whether one of a name's words is enough, as in imagenet_train or test2017.
    """
    words = {name: WORDS.findall(name) if prefixed else [name] for name in names}
    meaning = splits_named(itertools.chain(*words.values()))
    meant = {name: {meaning[word] for word in of if word in meaning} for name, of in words.items()}
    return {name: splits.pop() for name, splits in meant.items() if len(splits) == 1}


def split_of(name: str, prefixed: bool = False) -> str | None:
    """Returns the split that a folder's name means by itself, as `splits_of` does; None where it means none."""
    return splits_of([name], prefixed).get(name)


def label_in_name(path: str) -> str | None:
    """Returns the class with which a file's name begins; None where it has none."""
    found = LABEL.match(PurePosixPath(path).stem)
    return found[1] if found else None


def split_folders(folder: Path, files: Mapping[str, Sequence[str]], folders: Folders) -> dict[str, str]:
    """Finds the folders that are splits.

    A name alone does not make a split: train beside bus and car is a class if all of them hold files, and Training and
    Testing are splits since they hold the same folders.

    Args:
      folder: the dataset's folder, for messages.
      files: the paths of the files in each of its folders, relative to it; those beside the folders under "".
      folders: what the folders are said to be; "auto" infers it.

    Returns:
      The split of each folder that is one, by its path; none, where all are classes.

    Raises:
      UserError: they may be either, or two folders are one split, or there is none to train on.
    """
    tops = sorted(top for top in files if top)
    if folders == "classes":
        return {}
    exact = splits_of(tops)
    inner = {top: {name.split("/")[1] for name in files[top] if name.count("/") > 1} for top in tops}
    sharing = _sharing(tops, inner) or _sharing_labels(exact, tops, files)
    splits = {top: sharing.get(top, split) for top, split in exact.items()}
    splits |= {top: split for top, split in sharing.items() if split not in splits.values()}
    train = [top for top, split in splits.items() if split == "train"]
    others = [top for top in tops if top not in splits and split_of(top, prefixed=True) is None]
    if not train:
        _check_no_train(folder, exact, tops, inner, folders)
        return {}
    for split in splits.values():
        same = [top for top in splits if splits[top] == split]
        if len(same) > 1:
            raise UserError(f"{folder} has two folders for one split: {' and '.join(same)}; leave one of them")
    alike = [top for top in others if bool(inner[top]) == bool(inner[train[0]]) and _resemble(top, train[0], files)]
    if folders == "auto" and alike:
        raise UserError(
            f"{folder} has a folder {train[0]} beside {listed(alike, 3)}, which hold the same kind of files: it is a "
            "class like them (--data.folders=classes), or the split to train on (--data.folders=splits)"
        )
    if splits != exact:
        logger.info(f"{folder}: " + ", ".join(f"{top} is the {split} split" for top, split in splits.items()))
    return {_below(top, files[top]): split for top, split in splits.items()}


def inverted_splits(files: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether each folder is a class that holds folders of splits: cat/train/1.jpg, cat/test/2.jpg."""
    tops = [top for top in files if top]
    inner = {top: [name.split("/")[1] if name.count("/") > 1 else "" for name in files[top]] for top in tops}
    return bool(tops) and all(
        all(split_of(name) for name in names) and "train" in map(split_of, names) and split_of(top) is None
        for top, names in inner.items()
    )


def same_folders(files: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the folders that all of several folders hold, if all hold the same two or more: either may be classes."""
    inner = [{name.split("/")[1] for name in names if name.count("/") > 1} for top, names in files.items() if top]
    alike = len(inner) > 1 and all(names == inner[0] for names in inner)
    return sorted(inner[0]) if alike and len(inner[0]) > 1 else []


def _sharing(tops: Sequence[str], inner: Mapping[str, set[str]]) -> dict[str, str]:
    """Returns folders whose names have a word for a split, if they alone hold the same folders as the train one.

    That may be called train alone, beside my_test.
    """
    named = splits_of(tops, prefixed=True)
    train = next((top for top, split in named.items() if split == "train" and inner[top]), None)
    if train is None:
        return {}

    def shares(top: str) -> bool:
        return bool(_names(top, inner) & _names(train, inner))

    sharing = {top: split for top, split in named.items() if shares(top)}
    strangers = [top for top in tops if top not in named and shares(top)]
    return sharing if len(set(sharing.values())) > 1 and not strangers else {}


def _sharing_labels(
    exact: Mapping[str, str], tops: Sequence[str], files: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Returns the same where none holds folders: beside a train folder, those whose files begin with its classes."""
    labels = {top: {label_in_name(name) if name.count("/") == 1 else None for name in files[top]} for top in tops}
    train = next((top for top, split in exact.items() if split == "train"), "")
    if len(known := labels.get(train, {None})) < 2 or None in known:
        return {}
    return {top: split for top, split in splits_of(tops, prefixed=True).items() if labels[top] <= known}


def _names(top: str, inner: Mapping[str, set[str]]) -> set[str]:
    """Returns the folders in a folder; the same for all splits where it holds itself once more, as archives do."""
    meant = split_of(top, prefixed=True)
    return {"" if meant and split_of(name, prefixed=True) == meant else name for name in inner[top]}


def _resemble(top: str, train: str, files: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether a folder holds what a train folder holds: the same folders, or files of which none is labelled.

    Files with labels in their names (cat.0.jpg) make a split of a folder, if those beside it have none.
    """
    inside = [{name.split("/")[1] for name in files[each]} for each in (top, train)]
    if any(name.count("/") > 1 for name in files[train]):
        return bool(inside[0] & inside[1])
    labels = [{label for name in names if (label := label_in_name(name))} for names in inside]
    return len(labels[1]) < 2 or bool(labels[0])


def _below(top: str, names: Sequence[str]) -> str:
    """Returns the folder of a split; where it holds nothing but one folder of the same meaning, that one."""
    inside = {name.split("/")[1] if name.count("/") > 1 else "" for name in names}
    if len(inside) == 1 and (name := inside.pop()) and split_of(name, True) == split_of(top, True):
        return f"{top}/{name}"
    return top


def _check_no_train(
    folder: Path, exact: Mapping[str, str], tops: Sequence[str], inner: Mapping[str, set[str]], folders: Folders
) -> None:
    """Raises UserError if folders that are no classes have no train folder beside them."""
    if (exact and len(exact) == len(tops)) or folders == "splits":
        found = " and ".join(exact) or "no folder of a split"
        raise UserError(f"{folder} has {found} but no train folder with files; add one")
    meant = splits_of(tops, prefixed=True)
    if (len(meant) == len(tops) and len(set(meant.values())) > 1) or any(inner[top] & set(tops) for top in exact):
        raise UserError(
            f"{folder} has the folders {listed(tops, 5)}, which may be classes (--data.folders=classes) or splits; "
            "name splits train, val and test, and put a folder for each class into each"
        )
    if exact:
        logger.info(f"{folder}: {' and '.join(exact)} is taken as a class, like the folders beside it")
