"""Datasets of the TensorFlow Datasets catalogue, read without TensorFlow where their format allows it."""

import difflib
import importlib.util
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.reading.corrupt import report_corrupt
from jaxflow.data.reading.images import MODES, check_size
from jaxflow.data.splitting.hashing import split_by_hash, split_size
from jaxflow.data.storage.cache import cache_key, cached_arrays
from jaxflow.data.tfds.index import index_records
from jaxflow.data.tfds.records import Records, TfdsSplit
from jaxflow.data.tfds.sequential import SequentialRecords
from jaxflow.errors import UserError, reason
from jaxflow.ranges import BelowOne, Count, Seed, Whole, check_ranges, whole_number
from jaxflow.schema import Feature, Schema, Target

if TYPE_CHECKING:  # a second to import: only when asked for
    from tensorflow_datasets.core import DatasetBuilder

# Changes with the way in which the cache holds decoded images.
CACHE_VERSION = 3
# How features.json says which class a feature is of; TFDS imports it.
CLASS_NAMES = ("pythonClassName", "python_class_name", "type")


@dataclass(frozen=True)
class TFDS:
    """A dataset of images and class labels from the TFDS catalogue, its official splits kept."""

    name: str
    """Catalogue name, for example "cifar10", "mnist" or, with a configuration, "imagenette/160px"."""
    directory: str | None = field(default=None, metadata={"identity": False})
    """TFDS data directory, where prepared datasets lie; None takes $TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    validation: BelowOne = 0.1
    """Fraction of the train split held out for validation; 0 for none. An official validation split takes
    precedence."""
    test: BelowOne = 0.1
    """Fraction of the train split held out for the test where the catalogue has no test split; 0 for none."""
    split_seed: Seed = 0
    """Seed of these splits, apart from the run's seed, so that comparing seeds does not mix splits."""
    size: tuple[Count, Count] | None = None
    """Height and width that every image is resized to, here and in `predict`; None where all have one size already."""
    resize: Literal["stretch", "crop"] = "crop"
    """crop keeps the proportions and crops what juts out on both sides; stretch keeps everything."""
    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the decoded images are kept in memory, and in the cache. False leaves them on disk as they are, and every
    batch reads and decodes its own: for datasets larger than memory. (--num_workers decode; a cache of decoded images
    would be many times the dataset's size on disk.) The batches are the same. Only the format array_record can be left
    on disk; others are read once, by TensorFlow."""
    max_corrupt: Whole = field(default=0, metadata={"identity": False})
    """Examples that may be unreadable; they are left out, and counted. One more stops the run and names it."""

    def __post_init__(self) -> None:
        check_ranges(self)
        check_size((1, 1) if self.size is None else self.size, self.resize)

    def load(self) -> Dataset:
        """Reads the splits as uint8 images; prepares the dataset first where it is not on disk yet.

        Returns:
          The dataset; `excluded` counts unreadable examples by official split.

        Raises:
          UserError: the dataset is missing and cannot be prepared, or more of it is unreadable than `max_corrupt`.
        """
        prepared = _find_or_prepare(self.name, self.directory)
        builder = _open(prepared)
        image, label = _supervised(builder)
        feature = self._feature(builder.info.features[image].shape)
        stored = builder.info.file_format.value
        if stored != "array_record" and not self.in_memory:
            raise UserError(
                f"{prepared} is stored as {stored}, which has no random access; prepare it with "
                "file_format='array_record', or leave data.in_memory=True"
            )
        source = Records if stored == "array_record" else SequentialRecords
        names = [name for name in ("train", "validation", "test") if name in builder.info.splits]
        parts = {name: source(prepared, name, image, label, feature) for name in names}
        # The first time every image is decoded, whether images are kept or not: both ways then have the same examples.
        arrays = cached_arrays(
            f"{self.name.replace('/', '-')}-{_key(prepared, feature)}" + ("" if self.in_memory else "-index"),
            lambda: index_records(parts.values(), self.max_corrupt, images=self.in_memory),
        )
        bad = {name: arrays[f"{name}.bad"].tolist() for name in names if len(arrays[f"{name}.bad"])}
        report_corrupt(list(itertools.chain.from_iterable(bad.values())), self.max_corrupt, "examples")
        splits = {name: _split(arrays, part, self.in_memory) for name, part in parts.items()}
        whole = len(splits["train"])
        for name, fraction in {"test": self.test, "validation": self.validation}.items():
            if name not in parts and fraction:
                train, held = split_by_hash(
                    splits["train"].ids, split_size(fraction, whole, f"data.{name}"), self.split_seed
                )
                splits |= {"train": splits["train"].take(train), name: splits["train"].take(held)}
        schema = Schema(feature, Target("class", tuple(builder.info.features[label].names)))
        return validate(Dataset(splits, schema, {name: len(texts) for name, texts in bad.items()}))

    def _feature(self, shape: tuple[int | None, ...]) -> Feature:
        if self.size is not None:
            return Feature("image", (*self.size, shape[-1]), "uint8", self.resize)
        if None in shape:
            raise UserError(
                f"{self.name} has images of any size; say which they become: TFDS({self.name!r}, size=(128, 128))"
            )
        return Feature("image", tuple(shape), "uint8")


def _find_or_prepare(name: str, directory: str | None) -> Path:
    root = Path(os.path.expanduser(directory or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))
    where = "data.directory" if directory else "TFDS_DATA_DIR" if os.environ.get("TFDS_DATA_DIR") else "the folder"
    if root.exists() and not root.is_dir():
        raise UserError(f"{where} {root} is a file; name the TFDS data directory, the folder that holds {name}/")
    if where != "the folder" and not root.is_dir():
        raise UserError(f"{where} {root} does not exist; name an existing TFDS data directory, or create it")
    found = _versions(root / name)
    if found:
        return found[-1]
    configs = sorted({path.parents[1] for path in (root / name).glob("*/*/dataset_info.json")})
    if len(configs) > 1:
        one = configs[0].relative_to(root)
        raise UserError(f"{root / name} holds {len(configs)} configurations; name one of them, for example {one}")
    if configs:
        return _versions(configs[0])[-1]
    if root.is_dir() and any(root.iterdir()) and not any(root.glob("**/dataset_info.json")):
        leftovers = {path.name for path in root.iterdir()} - {"downloads", name}
        if leftovers:
            raise UserError(
                f"{where} {root} is not a TFDS data directory: no dataset_info.json below it; "
                f"name the folder that holds {name}/, or an empty one to prepare it in"
            )
    return _prepare(name, root)


def _versions(folder: Path) -> list[Path]:
    found = [path.parent for path in folder.glob("*/dataset_info.json")]
    return sorted(found, key=lambda path: [whole_number(part) or 0 for part in path.name.split(".")])


def _prepare(name: str, root: Path) -> Path:
    if name == "cifar10":
        from jaxflow.data.tfds import cifar10

        try:
            cifar10.prepare(root, cifar10.URL, cifar10.SHA256)
        except ConnectionError as error:
            raise UserError(
                f"cifar10 is not prepared in {root} and cannot be downloaded ({error}). Three ways on: "
                "--data.directory=DIR where TFDS has prepared it; a network, then launch again; "
                "or the same kind of model on embedded data: --config experiments/digits_cnn.py"
            ) from error
        except OSError as error:
            raise UserError(f"cannot prepare cifar10 in {root}: {error}; choose another --data.directory") from error
        return _versions(root / name)[-1]
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    if name.partition("/")[0].partition(":")[0] not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"perhaps you meant {near[0]}" if near else "tensorflow.org/datasets/catalog lists them"
        raise UserError(f"TFDS has no dataset named {name!r}; {hint}")
    if importlib.util.find_spec("tensorflow") is None:
        raise UserError(
            f"{name} is not prepared in {root}, and preparing it needs TensorFlow: pip install -e '.[tensorflow]'"
        )
    builder = tfds.builder(name, data_dir=str(root), file_format="array_record")
    builder.download_and_prepare()
    return Path(builder.data_dir)


def _open(prepared: Path) -> "DatasetBuilder":
    import tensorflow_datasets as tfds

    try:
        _check_features(prepared / "features.json")
        builder = tfds.builder_from_directory(str(prepared))
    except Exception as error:
        raise UserError(f"{prepared} cannot be read as a TFDS dataset: {reason(error)}") from error
    if "train" not in builder.info.splits:
        raise UserError(f"{prepared} has no train split; it has {list(builder.info.splits)}")
    return builder


def _check_features(path: Path) -> None:
    """Raises ValueError if a dataset names classes of other packages, which TFDS would import."""
    names, level = [], [json.loads(path.read_text())] if path.is_file() else []
    while level:
        part = level.pop()
        level += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        names += [part.get(key) for key in CLASS_NAMES] if isinstance(part, dict) else []
    for name in names:
        if isinstance(name, str) and "." in name and not name.startswith("tensorflow_datasets."):
            raise ValueError(
                f"{path.name} names {name}, which is no feature of TensorFlow Datasets and is not imported"
            )


def _supervised(builder: "DatasetBuilder") -> tuple[str, str]:
    import tensorflow_datasets as tfds

    keys = builder.info.supervised_keys
    features = builder.info.features
    usable = (
        keys is not None
        and len(keys) == 2
        and isinstance(features[keys[0]], tfds.features.Image)
        and isinstance(features[keys[1]], tfds.features.ClassLabel)
        and features[keys[0]].shape[-1] in MODES
        and features[keys[0]].np_dtype == np.uint8
    )
    if not usable:
        raise UserError(f"{builder.info.name} does not hold 8-bit images with class labels; it holds {features}")
    return keys


def _key(prepared: Path, feature: Feature) -> str:
    """Computes the cache's key of the prepared files and what they become: a changed file is decoded anew."""
    names = [path.name for path in sorted(prepared.iterdir())]
    return cache_key(prepared, (CACHE_VERSION, feature), names)


def _split(
    arrays: Mapping[str, np.ndarray], part: Records | SequentialRecords, in_memory: bool
) -> ArraySplit | TfdsSplit:
    targets, ids = arrays[f"{part.split}.targets"], arrays[f"{part.split}.ids"]
    if in_memory:
        return ArraySplit(arrays[f"{part.split}.inputs"], targets, ids.tolist())
    return TfdsSplit(part, arrays[f"{part.split}.numbers"], targets, ids)
