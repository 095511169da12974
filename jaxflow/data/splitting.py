"""Who is held out: decided by a hash of each example's id, so by nothing that changes when files are reordered."""

import hashlib
from collections.abc import Sequence

import numpy as np

from jaxflow.errors import UserError


def hold_out(ids: Sequence[str], fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples in two, the same way wherever the same ids are met.

    The examples with the smallest keyed hashes are held out, so an example changes sides only if added data moves the
    threshold past it.

    Args:
      ids: one stable name per example.
      fraction: share to hold out, in [0, 1); the count is rounded to the nearest example.
      seed: the split's own seed; another one holds out other examples.

    Returns:
      Indices kept and indices held out, each int64 and ascending.

    Raises:
      UserError: the fraction leaves one side empty (0 is allowed, and holds nothing out).
    """
    held = round(fraction * len(ids))
    if not 0 <= fraction < 1 or held >= len(ids) or (fraction > 0 and held == 0):
        raise UserError(
            f"cannot hold out {fraction:g} of {len(ids)} examples: one side would be empty; use a fraction in (0, 1)"
        )
    # SHA-256 rather than a random permutation: keyed by the id itself, it does not depend on the order of the files.
    hashes = [hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8] for name in ids]
    order = np.argsort(np.array([int.from_bytes(h, "big") for h in hashes], np.uint64), kind="stable")
    return np.sort(order[held:]), np.sort(order[:held])
