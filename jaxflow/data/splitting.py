"""Who is held out: decided by a hash of each example's id, so by nothing that changes when files are reordered."""

import hashlib
from collections.abc import Sequence

import numpy as np

from jaxflow.errors import UserError


def count_of(fraction: float, size: int, field: str) -> int:
    """Turns a share of the examples into a number of them.

    Args:
      fraction: share in [0, 1).
      size: number of all examples.
      field: name of the fraction, for the error.

    Returns:
      The number, rounded to the nearest; 0 only for a fraction of 0.

    Raises:
      UserError: one side would be empty.
    """
    count = round(fraction * size) if 0 <= fraction < 1 else size
    if count >= size or (fraction > 0 and count == 0):
        raise UserError(f"{field} is {fraction:g}: of {size} examples one side would be empty; use a share in (0, 1)")
    return count


def hold_out(ids: Sequence[str], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples in two, the same way wherever the same ids are met.

    The examples with the smallest keyed hashes are held out, so an example changes sides only if added data moves the
    threshold past it.

    Args:
      ids: one stable name per example.
      count: how many to hold out.
      seed: the split's own seed; another one holds out other examples.

    Returns:
      Indices kept and indices held out, each int64 and ascending.

    Raises:
      UserError: nothing would be kept.
    """
    if count >= len(ids):
        raise UserError(
            f"{count} of {len(ids)} examples would be held out and none left; make the shares of `data` smaller"
        )
    # SHA-256 rather than a random permutation: keyed by the id itself, it does not depend on the order of the files.
    hashes = [hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in ids]
    order = np.argsort(np.array([int.from_bytes(h, "big") for h in hashes], np.uint64), kind="stable")
    return np.sort(order[count:]), np.sort(order[:count])
