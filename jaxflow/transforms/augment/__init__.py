"""Augmentations: pure functions (key, batch) -> batch that run inside the training step, and nowhere else.

An augmentation is a frozen dataclass that is called. It changes inputs after preprocessing; one whose class has
`raw = True` changes them before. `geometry.py` moves images and volumes with their masks,
`color.py` changes how inputs look, `audio.py` changes waveforms and spectrograms, `mixing.py` mixes examples.
"""

from collections.abc import Sequence

import jax

from jaxflow.interfaces import Augmentation, Batch


def apply(augmentations: Sequence[Augmentation], key: jax.Array, batch: Batch, raw: bool | None = None) -> Batch:
    """Runs augmentations in order, each with a key derived from `key`.

    Args:
      augmentations: an experiment's `augment`.
      key: random key.
      batch: "inputs", "targets" and the other keys of `Batch` that the augmentations read.
      raw: runs only those that change raw inputs, or only the others; None runs all.

    Returns:
      The batch, changed.
    """
    for position, augmentation in enumerate(augmentations):
        if raw is None or getattr(augmentation, "raw", False) == raw:
            batch = augmentation(jax.random.fold_in(key, position), batch)
    return batch
