"""Examples whose files hold the same bytes, of which one is kept."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

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
