"""SplitKeys whose files hold the same bytes, of which one is kept."""

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
    """Finds the example that each stands for, where of those whose files hold the same bytes one is kept.

    Args:
      folder: where the files are.
      files: the paths of each example's files, below the folder.
      official: the folder's own split of each; of equal ones that of the test is kept, then that of validation,
        then the first.

    Returns:
      (examples,) int64 indices of the one that is kept.
    """
    order = ("test", "validation", "train", None)
    ranks = [order.index(split) for split in official]
    key = cache_key(folder, ranks, [path for paths in files for path in paths])
    return cached_arrays(f"{key}-equal", lambda: {"equal": _equal(folder, files, ranks)})["equal"]


def drop_identical(found: list[T], stands_for: np.ndarray) -> tuple[list[T], int]:
    """Keeps the examples that stand for themselves, and counts the others, which is said."""
    kept = [example for index, example in enumerate(found) if stands_for[index] == index]
    if len(kept) < len(found):
        logger.info(f"left out {len(found) - len(kept)} of {len(found)} examples, whose files equal another's")
    return kept, len(found) - len(kept)


def _equal(folder: Path, files: Sequence[Sequence[str]], ranks: Sequence[int]) -> np.ndarray:
    first: dict[bytes, int] = {}
    stands_for = np.empty(len(files), np.int64)
    for index in sorted(range(len(files)), key=lambda index: (ranks[index], index)):
        digest = hashlib.blake2b(digest_size=16)
        for path in files[index]:
            with open(folder / path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        stands_for[index] = first.setdefault(digest.digest(), index)
    return stands_for
