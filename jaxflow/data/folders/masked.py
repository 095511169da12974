"""Loads images or volumes with masks: pairs of files, read once, split."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.duplicate_files import drop_identical, find_identical_files, report_identical_files
from jaxflow.data.folders.file_split import read_all
from jaxflow.data.folders.labelled import count_excluded, files_key, make_splits, require_folder
from jaxflow.data.folders.mask_classes import (
    check_blurred,
    check_lossless,
    class_indices,
    nearest_values,
    require_two,
)
from jaxflow.data.folders.measures import fit_levels, read_measured, report_pages, report_sizes
from jaxflow.data.folders.pairs import Pair, find_pairs
from jaxflow.data.folders.source import MaskedSource
from jaxflow.data.folders.splits import assign_splits, find_groups
from jaxflow.data.reading.corrupt import report_corrupt
from jaxflow.data.reading.formats import KINDS, read_masks
from jaxflow.data.splitting.keys import groups_by_split
from jaxflow.data.splitting.written import count_unassigned
from jaxflow.data.storage.cache import cached_arrays
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE, Feature, Schema, Target

logger = logging.getLogger("jaxflow")


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
    found = find_pairs(folder, kind, inputs, source)
    check_lossless(folder, [pair.mask for pair in found], source.mask_values)
    duplicates = 0
    if source.drop_duplicates:
        found, duplicates = drop_identical(
            found,
            find_identical_files(folder, [(pair.input, pair.mask) for pair in found], [pair.split for pair in found]),
        )
    paths = [path for pair in found for path in (pair.input, pair.mask)]

    def read(feature: Feature) -> dict[str, np.ndarray]:
        like = {"masks": (feature.shape[:-1], "int16"), "measured": ((len(kind.measures),), "float64")}
        like |= {"inputs": (feature.shape, feature.dtype)} if source.in_memory else {}

        def read_once() -> dict[str, np.ndarray]:
            return read_all(_read(folder, found, feature), len(found), like, source.max_corrupt, folder.name)

        return cached_arrays(files_key(folder, paths, feature, source.in_memory), read_once)

    arrays = read(feature)
    report_corrupt(arrays["bad"].tolist(), source.max_corrupt, kind.plural)
    good = [found[number] for number in arrays["numbers"]]
    ids = [pair.input for pair in good]
    groups = find_groups(ids, source.group, folder)
    assigned, keys = assign_splits(source.split, ids, [pair.split for pair in good], folder, groups=groups)
    if keys.written is not None and not source.drop_duplicates:
        report_identical_files(folder, [(path,) for path in ids], assigned, keys.written_in)
    report_pages(feature, ids, arrays["measured"], folder)
    report_sizes(feature, arrays["measured"], folder)
    fitted = fit_levels(feature, arrays["measured"][assigned["train"]], folder)
    arrays, feature = arrays if fitted == feature else read(fitted), fitted
    target, targets = _targets(source, [pair.mask for pair in good], arrays["masks"], assigned["train"])
    logger.info(f"{folder}: {len(good)} {kind.plural} with masks of {len(target.names)} classes")
    splits = make_splits(folder, feature, arrays.get("inputs"), ids, targets, assigned)
    excluded = count_excluded(found, good, duplicates) | count_unassigned(assigned, len(good))
    groups, written_in = groups_by_split(groups, assigned), keys.written_in or None
    return validate(Dataset(splits, Schema(feature, target), excluded, groups=groups, written_in=written_in))


def _targets(
    source: MaskedSource, paths: Sequence[str], masks: np.ndarray, train: np.ndarray
) -> tuple[Target, np.ndarray]:
    """Converts masks, of the files at `paths`, to class indices; `train` are the training examples among them."""
    folder, ignored = Path(os.path.expanduser(source.path)), source.ignore_label
    if source.mask_values:
        masks = nearest_values(masks, source.mask_values, ignored)
    else:
        check_blurred(folder, masks[train])
    values = np.unique(masks[train])
    values = values[(values >= 0) & (values != (IGNORE if ignored is None else ignored))]
    require_two(folder, values)
    if source.mask_values:  # those of which training has none are classes too
        values = np.array([value for value in source.mask_values if value != ignored])
    target = Target("class", source.names or tuple(map(str, values)), masks.shape[1:])
    # With names a value is a class index; without, or where the values are given, its rank among them is.
    values = np.arange(len(source.names)) if source.names and not source.mask_values else values
    return target, class_indices(folder, paths, masks, values, ignored).astype(target.dtype)


def _read(folder: Path, pairs: Sequence[Pair], feature: Feature) -> Iterator[dict[str, np.ndarray] | UserError]:
    images = read_measured([folder / pair.input for pair in pairs], feature)
    masks = read_masks([(folder / pair.input, folder / pair.mask) for pair in pairs], feature)
    for image, mask in zip(images, masks):
        if isinstance(image, UserError):
            yield image
        elif isinstance(mask, UserError):
            yield mask
        else:
            yield image | {"masks": mask}
