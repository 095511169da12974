"""Folders of photographs and other image files, of any size."""

import dataclasses
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.console import say
from jaxflow.data.cache import cached_arrays
from jaxflow.data.dataset import ArraySplit, Dataset, Feature, Schema, Target, checked
from jaxflow.data.file_split import FileSplit, scan
from jaxflow.data.image_layout import LabelledImage, find_labelled
from jaxflow.data.records import MODES, allow
from jaxflow.data.splitting import Examples, HoldOut, KFold
from jaxflow.errors import UserError

# Counts the ways in which images have been read and resized for what the cache keeps.
READ = 1


@dataclass(frozen=True)
class ImageFolder:
    """Image files of any size in a folder, resized to one.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class (cat.0.jpg). A table of path,label is named by `labels`.
    """

    path: str = field(metadata={"identity": False})
    """The folder."""
    size: tuple[int, int] = (128, 128)
    """Height and width that every image is resized to, here and in `predict`."""
    channels: Literal[1, 3, 4] = 3
    """1 for grey, 3 for RGB, 4 for RGBA."""
    resize: Literal["stretch", "crop"] = "crop"
    """crop keeps the proportions and cuts off what juts out on both sides; stretch keeps everything."""
    split: HoldOut | KFold = HoldOut()
    """How images are held out. Where the folder has validation or test folders these are kept, and HoldOut takes only
    what is missing, out of train."""
    labels: str | None = None
    """CSV file with the columns path and label, relative to the folder; None takes labels from folders or names."""
    origin: str | None = field(default=None, metadata={"identity": False})
    """Where the images can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the resized images are kept in memory, and in the cache. With False every batch reads and decodes its own
    files, for datasets larger than memory; the batches are the same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Images that may be unreadable; they are left out, and counted. One more stops the run and names it."""

    def __post_init__(self) -> None:
        sides = self.size if isinstance(self.size, tuple) else ()
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise UserError(f"data.size is {self.size}; it is a height and a width in pixels, for example (128, 128)")
        if self.channels not in MODES:
            raise UserError(f"data.channels is {self.channels}; images have 1 (grey), 3 (RGB) or 4 (RGBA)")
        if self.resize not in ("stretch", "crop"):
            raise UserError(f"data.resize is {self.resize!r}; it is 'stretch' or 'crop'")
        if self.max_corrupt < 0:
            raise UserError(f"data.max_corrupt is {self.max_corrupt}; it must be 0 or more")

    def load(self) -> Dataset:
        """Finds the images, reads each once and splits them; an image's id is its path below the folder, with slashes.

        Returns:
          The dataset: (examples, height, width, channels) uint8; `left_out` counts unreadable images by the folder's
          own splits, or as "all" where it has none.

        Raises:
          UserError: the folder or its labels make no dataset, or more images are unreadable than `max_corrupt`.
        """
        folder = Path(self.path).expanduser()
        if self.origin and not os.path.exists(folder):
            raise UserError(f"data.path {folder} is not there; {self.origin}, or name another folder: --data.path=DIR")
        found = find_labelled(folder, self.labels)
        feature = Feature("image", (*self.size, self.channels), "uint8", self.resize)
        # The first time every image is decoded, whether it is kept or not: both ways then have the same examples.
        arrays = cached_arrays(
            f"{folder.resolve().name}-{_key(folder, found, feature)}" + ("" if self.in_memory else "-index"),
            lambda: scan(folder, [image.path for image in found], feature, self.max_corrupt, images=self.in_memory),
        )
        bad = arrays["bad"].tolist()
        allow(bad, self.max_corrupt)
        if bad:
            say(f"left out {len(bad)} unreadable images (data.max_corrupt {self.max_corrupt}): {bad[0]}")
        names = tuple(sorted({image.label for image in found}))
        number_of = {name: number for number, name in enumerate(names)}
        good = [found[number] for number in arrays["numbers"]]
        targets = np.array([number_of[image.label] for image in good], np.int32)
        paths = np.array([image.path for image in good], np.str_)
        if self.in_memory:
            everything = ArraySplit(arrays["inputs"], targets, paths.tolist())
        else:
            everything = FileSplit(folder, feature, paths, targets)
        assigned = self._assign(good, targets)
        _check_classes(folder, names, targets, assigned["train"])
        splits = {name: everything.take(chosen) for name, chosen in assigned.items()}
        left_out = Counter(image.split or "all" for image in found) - Counter(image.split or "all" for image in good)
        return checked(Dataset(splits, Schema(feature, Target("class", names)), dict(left_out)))

    def _assign(self, images: Sequence[LabelledImage], targets: np.ndarray) -> dict[str, np.ndarray]:
        """Divides the images; (examples,) indices of each split."""
        own = {}
        for name in ("train", "validation", "test"):
            chosen = np.flatnonzero([image.split == name for image in images])
            own |= {name: chosen} if len(chosen) else {}
        ids = [image.path for image in images]
        if not own:
            return self.split.assign(Examples(ids, classes=targets))
        if not isinstance(self.split, HoldOut):
            raise UserError(
                f"data.split is {type(self.split).__name__}, but {self.path} is split by its folders "
                f"({', '.join(own)}); name the folder below it, or use HoldOut"
            )
        missing = dataclasses.replace(self.split, **{name: 0.0 for name in own if name != "train"})
        train = own["train"]
        held = missing.assign(Examples([ids[index] for index in train], classes=targets[train]))
        return own | {name: train[chosen] for name, chosen in held.items()}


def _check_classes(folder: Path, names: Sequence[str], targets: np.ndarray, train: np.ndarray) -> None:
    counts = np.bincount(targets, minlength=len(names))
    most = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts))[:10])
    say(f"{folder}: {len(targets)} images of {len(names)} classes ({most}{', ...' if len(names) > 10 else ''})")
    unknown = np.setdiff1d(np.arange(len(names)), targets[train])
    if len(unknown):
        raise UserError(
            f"class {names[unknown[0]]!r} of {folder} has {counts[unknown[0]]} readable images and none in the train "
            "split; give it more, or remove it"
        )


def _key(folder: Path, found: Sequence[LabelledImage], feature: Feature) -> str:
    """Names the files by path, size and time, and what they become: a changed file is decoded anew."""
    stats = ((folder / image.path).stat() for image in found)
    files = [(image.path, now.st_size, now.st_mtime_ns) for image, now in zip(found, stats)]
    return hashlib.sha256(repr((READ, feature.shape, feature.resize, files)).encode()).hexdigest()[:16]
