"""Whether splits have the sizes that were meant."""

import logging
from collections.abc import Mapping

import numpy as np

logger = logging.getLogger("jaxflow")


def report_small_train(parts: Mapping[str, np.ndarray]) -> None:
    """Logs a warning if clearly more examples are held out than are left to train on: fractions are of what is held.

    Args:
      parts: by split, (examples,) indices.
    """
    sizes = {name: len(chosen) for name, chosen in parts.items()}
    train = sizes.pop("train")
    # Fractions drawn by hashes differ by chance, so equal ones are not compared.
    if sizes and (train < 0.8 * min(sizes.values()) or 2 * train < max(sizes.values())):
        held_out = " and ".join(f"{size:,} {name}" for name, size in sizes.items())
        logger.warning(
            f"train has {train:,} examples, beside {held_out}: data.split says how much is held out for validation and "
            "test, and what is left is trained on"
        )
