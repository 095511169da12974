"""Keyed hashes of names, which reordered files do not change."""

import hashlib
from collections.abc import Sequence

import numpy as np

from jaxflow.errors import UserError


def split_size(fraction: float, size: int, field: str) -> int:
    """Converts a fraction of the examples to a number of them.

    Args:
      fraction: in [0, 1).
      size: number of all examples.
      field: name of the fraction, for the error.

    Returns:
      The number, rounded to the nearest; 0 only for a fraction of 0.

    Raises:
      UserError: one side would be empty.
    """
    count = round(fraction * size) if 0 <= fraction < 1 else size
    if count >= size or (fraction > 0 and count == 0):
        raise UserError(
            f"{field} is {fraction:g}: of {size} examples one side would be empty; use a fraction in (0, 1)"
        )
    return count


def split_by_hash(ids: Sequence[str], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples in two, the same way wherever the same ids are met.

    The examples with the smallest keyed hashes are held out, so an example changes sides only if added data moves the
    threshold past it.

    Args:
      ids: one stable name per example.
      count: how many to hold out.
      seed: the split's own seed; another one holds out other examples.

    Returns:
      Indices that remain and indices held out, each int64 and ascending.

    Raises:
      UserError: nothing would remain.
    """
    if count >= len(ids):
        raise UserError(f"{count} of {len(ids)} examples would be held out and none left; make the fractions smaller")
    order = np.argsort(hash_names(ids, seed), kind="stable")
    return np.sort(order[count:]), np.sort(order[:count])


def hash_names(names: Sequence[str], seed: int) -> np.ndarray:
    """Hashes names to uint64, evenly.

    SHA-256 rather than a random permutation: keyed by the name itself, it does not depend on the order of the files.
    """
    hashes = [hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in names]
    return np.array([int.from_bytes(h, "big") for h in hashes], np.uint64)


def hash_fractions(names: Sequence[str], seed: int) -> np.ndarray:
    """Hashes names to numbers in [0, 1), evenly."""
    return hash_names(names, seed) / 2.0**64


def rank_in_class(numbers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns the rank of each example's number within its class, (examples,) int64 from 0."""
    ranks = np.empty(len(numbers), np.int64)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        ranks[members[np.argsort(numbers[members], kind="stable")]] = np.arange(len(members))
    return ranks


def least_of_equals(numbers: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns for each example the smallest number among those of its name: what goes by it keeps them together."""
    of = np.unique(np.array(names), return_inverse=True)[1]
    least = np.full(of.max() + 1, np.inf)
    np.minimum.at(least, of, numbers)
    return least[of]
