"""Loads images or volumes with masks: pairs of files from two folders, found, read once, split."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.duplicate_files import drop_identical, find_identical_files
from jaxflow.data.folders.file_split import read_all
from jaxflow.data.folders.labelled import count_excluded, files_key, make_splits, require_folder
from jaxflow.data.folders.layout import OFFICIAL
from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.folders.splits import assign_splits, find_groups
from jaxflow.data.reading.corrupt import report_corrupt
from jaxflow.data.reading.formats import KINDS, Kind, find_files, read_files, read_masks
from jaxflow.data.splitting import groups_by_split
from jaxflow.data.storage.cache import cached_arrays
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE, Feature, Schema, Target

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class Pair:
    """An input and its mask.

    Attributes:
      input: path relative to the dataset's folder, with slashes.
      mask: the same.
      split: the split whose folder they lie in ("train", "validation", "test"); None where there are no such folders.
    """

    input: str
    mask: str
    split: str | None = None


def load_masked(source: MaskedSource, inputs: str, feature: Feature) -> Dataset:
    """Finds pairs of files, reads each once and splits them; an example's id is its input's path below the folder.

    Args:
      source: where the files are, and how they are split.
      inputs: name of the folder of inputs; it may lie in folders of splits, or hold such, and so may that of masks.
      feature: what inputs become; its kind decides which files are read.

    Returns:
      The dataset; `excluded` counts unreadable pairs by official split, or as "all" where there are none.

    Raises:
      UserError: the folder makes no dataset, or more files are unreadable than `max_corrupt`.
    """
    folder, kind = Path(os.path.expanduser(source.path)), KINDS[feature.kind]
    require_folder(folder, source.download_hint)
    found = find_pairs(folder, kind, inputs, source.masks)
    duplicates = 0
    if source.drop_duplicates:
        found, duplicates = drop_identical(
            found,
            find_identical_files(folder, [(pair.input, pair.mask) for pair in found], [pair.split for pair in found]),
        )
    positions, names, ignore_label = feature.shape[:-1], source.names, source.ignore_label

    def read_once() -> dict[str, np.ndarray]:
        like = {"masks": (positions, "int16")} | (
            {"inputs": (feature.shape, feature.dtype)} if source.in_memory else {}
        )
        return read_all(_read(folder, found, feature), len(found), like, source.max_corrupt, folder.name)

    paths = [path for pair in found for path in (pair.input, pair.mask)]
    arrays = cached_arrays(files_key(folder, paths, feature, source.in_memory), read_once)
    report_corrupt(arrays["bad"].tolist(), source.max_corrupt, kind.plural)
    good = [found[number] for number in arrays["numbers"]]
    ids = [pair.input for pair in good]
    groups = find_groups(ids, source.group, folder)
    assigned = assign_splits(source.split, ids, [pair.split for pair in good], folder, groups=groups)
    values = np.unique(arrays["masks"][assigned["train"]])
    values = values[(values >= 0) & (values != (IGNORE if ignore_label is None else ignore_label))]
    target = Target("class", _names(folder, names, values), positions)
    # With names a value is a class index; without, its rank among the values is.
    values = np.arange(len(names)) if names else values
    targets = _class_indices(folder, good, arrays["masks"], values, ignore_label).astype(target.dtype)
    logger.info(f"{folder}: {len(good)} {kind.plural} with masks of {len(target.names)} classes")
    splits = make_splits(folder, feature, arrays.get("inputs"), ids, targets, assigned)
    excluded = count_excluded(found, good, duplicates)
    return validate(Dataset(splits, Schema(feature, target), excluded, groups=groups_by_split(groups, assigned)))


def find_pairs(folder: Path, kind: Kind, inputs: str, masks: str) -> list[Pair]:
    """Pairs inputs and masks that have the same path but for the folders' names and the suffix.

    Args:
      folder: the folder of the dataset.
      kind: kind of the files.
      inputs: name of the folder of inputs.
      masks: name of the folder of masks.

    Returns:
      The pairs in ascending order of the inputs.

    Raises:
      UserError: there are none, or a file is without its other half.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is {'a file' if folder.exists() else 'not there'}; name a folder of {kind.plural}")
    sides: dict[str, dict[str, str]] = {inputs: {}, masks: {}}
    for path in find_files(folder, kind):
        parents = PurePosixPath(path).parts[:-1]
        side = next((part for part in parents if part in sides), None)
        if side is None:
            continue
        key = _stem("/".join(part for part in PurePosixPath(path).parts if part != side), kind)
        if key in sides[side]:
            raise UserError(f"{folder} has {sides[side][key]} and {path}, one of which is too many; remove one")
        sides[side][key] = path
    if not sides[inputs] or not sides[masks]:
        empty = inputs if not sides[inputs] else masks
        raise UserError(
            f"{folder} has no {kind.plural} in a folder {empty!r}; it takes pairs such as {inputs}/a and {masks}/a, or "
            f"train/{inputs}/a and train/{masks}/a, of {', '.join(sorted(kind.suffixes))}"
        )
    for one, other in ((inputs, masks), (masks, inputs)):
        alone = sorted(sides[one].keys() - sides[other].keys())
        if alone:
            raise UserError(
                f"{folder / sides[one][alone[0]]} has no other half in {other!r} ({len(alone)} such of "
                f"{len(sides[one])}); add it or remove the file"
            )
    pairs = [Pair(path, sides[masks][key], _official(path)) for key, path in sides[inputs].items()]
    if len({pair.split is None for pair in pairs}) > 1:
        outside = next(pair.input for pair in pairs if pair.split is None)
        raise UserError(f"{folder} has folders of splits, and {outside} lies in none; put it into one")
    return sorted(pairs, key=lambda pair: pair.input)


def _official(path: str) -> str | None:
    return next((OFFICIAL[part.lower()] for part in PurePosixPath(path).parts[:-1] if part.lower() in OFFICIAL), None)


def _stem(path: str, kind: Kind) -> str:
    suffix = max((suffix for suffix in kind.suffixes if path.lower().endswith(suffix)), key=len)
    return path[: -len(suffix)]


def _read(folder: Path, pairs: Sequence[Pair], feature: Feature) -> Iterator[dict[str, np.ndarray] | UserError]:
    images = read_files([folder / pair.input for pair in pairs], feature)
    masks = read_masks([(folder / pair.input, folder / pair.mask) for pair in pairs], feature)
    for image, mask in zip(images, masks):
        if isinstance(image, UserError):
            yield image
        elif isinstance(mask, UserError):
            yield mask
        else:
            yield {"inputs": image, "masks": mask}


def _names(folder: Path, names: tuple[str, ...], values: np.ndarray) -> tuple[str, ...]:
    if len(values) < 2:
        held = ", ".join(map(str, values)) or "nothing"
        raise UserError(f"the training masks of {folder} hold one class alone ({held}); segmentation takes two or more")
    return names or tuple(map(str, values))


def _class_indices(
    folder: Path, pairs: Sequence[Pair], masks: np.ndarray, values: np.ndarray, ignore_label: int | None
) -> np.ndarray:
    """Converts the values of masks to class indices, (examples, ...), and `ignore_label` to IGNORE."""
    class_of = np.full(np.iinfo(np.int16).max + 2, len(values), np.int16)
    class_of[values] = np.arange(len(values))
    class_of[IGNORE] = IGNORE  # the last entry: padding
    if ignore_label is not None:
        class_of[ignore_label] = IGNORE
    targets = class_of[masks]
    wrong = np.argwhere(targets == len(values))
    if len(wrong):
        pair = pairs[wrong[0][0]]
        raise UserError(
            f"{folder / pair.mask} holds the value {masks[tuple(wrong[0])]}, and the classes are {values.tolist()}; "
            "say which value is data.ignore_label, or name all classes"
        )
    return targets
