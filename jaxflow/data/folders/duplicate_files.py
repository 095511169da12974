"""Examples whose files hold the same bytes, of which one is kept."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from jaxflow.data.splitting.written import report_copies
from jaxflow.data.storage.cache import cache_key, cached_arrays

logger = logging.getLogger("jaxflow")

T = TypeVar("T")


def find_identical_files(folder: Path, files: Sequence[Sequence[str]], official: Sequence[str | None]) -> np.ndarray:
    """Finds examples whose files hold the same bytes.

    Args:
      folder: where the files are.
      files: the paths of each example's files, below the folder.
      official: the split whose folder each lies in, or None; of equal ones that of the test represents the others,
        then that of validation, then the first.

    Returns:
      (examples,) int64 index of the example that represents each; of most examples the example itself.
    """
    order = ("test", "validation", "train", None)
    ranks = [order.index(split) for split in official]
    key = cache_key(folder, ranks, [path for paths in files for path in paths])
    return cached_arrays(f"{key}-equal", lambda: {"equal": _equal(folder, files, ranks)})["equal"]


def drop_identical(found: list[T], representatives: np.ndarray) -> tuple[list[T], int]:
    """Returns the examples that represent themselves, and the number of the others, which is logged."""
    distinct = [example for index, example in enumerate(found) if representatives[index] == index]
    if len(distinct) < len(found):
        logger.info(f"left out {len(found) - len(distinct)} of {len(found)} examples, whose files equal another's")
    return distinct, len(found) - len(distinct)


def report_identical_files(
    folder: Path, files: Sequence[Sequence[str]], parts: Mapping[str, np.ndarray], written_in: str
) -> None:
    """Logs how many examples of splits that are written down have the files of one of train, byte for byte.

    Args:
      folder: where the files are.
      files: the paths of each example's files, below the folder.
      parts: indices of each split.
      written_in: where the splits are written down.
    """
    sizes = [tuple(os.path.getsize(folder / path) for path in paths) for paths in files]
    trained = {sizes[index] for index in parts["train"]}
    held_out = {sizes[index] for name in parts if name != "train" for index in parts[name]}
    # Only files of one size can be equal: of most sets few are read.
    chosen = [index for index in np.concatenate(list(parts.values())) if sizes[index] in trained & held_out]
    equal = find_identical_files(folder, [files[index] for index in chosen], [None] * len(chosen))
    first = dict(zip(chosen, equal.tolist()))
    known = {first[index] for index in parts["train"] if index in first}
    copies = {name: sum(first.get(index) in known for index in parts[name]) for name in parts if name != "train"}
    report_copies(copies, written_in)


def _equal(folder: Path, files: Sequence[Sequence[str]], ranks: Sequence[int]) -> np.ndarray:
    first: dict[bytes, int] = {}
    representatives = np.empty(len(files), np.int64)
    for index in sorted(range(len(files)), key=lambda index: (ranks[index], index)):
        digest = hashlib.blake2b(digest_size=16)
        for path in files[index]:
            with open(folder / path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        representatives[index] = first.setdefault(digest.digest(), index)
    return representatives
