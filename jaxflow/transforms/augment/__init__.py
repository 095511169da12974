"""Augmentations: pure functions (key, example) -> example that run inside the training step, and nowhere else.

An augmentation is a frozen dataclass that is called with one example and a random key of the example's own, and is
mapped over the batch. It changes inputs after preprocessing; one whose class has `raw = True` changes them before, and
one whose class has `pairs = True` is given another example as well. `geometry.py` moves images and volumes with their
masks, `color.py` changes how inputs look, `audio.py` changes waveforms and spectrograms, `mixing.py` mixes examples.
"""

from collections.abc import Sequence

import jax

from jaxflow.errors import UserError
from jaxflow.interfaces import Augmentation
from jaxflow.schema import Batch


def apply(augmentations: Sequence[Augmentation], keys: jax.Array, batch: Batch, raw: bool | None = None) -> Batch:
    """Runs augmentations in order, each with keys derived from `keys`.

    Args:
      augmentations: an experiment's `augment`.
      keys: (batch,) random keys, one for each row.
      batch: "inputs", "targets" and the other keys of `Batch` that the augmentations read.
      raw: runs only those that change raw inputs, or only the others; None runs all.

    Returns:
      The batch, changed.

    Raises:
      UserError: an augmentation changes a shape, or examples cannot be paired.
    """
    for position, augmentation in enumerate(augmentations):
        if raw is None or getattr(augmentation, "raw", False) == raw:
            own = jax.vmap(lambda key, position=position: jax.random.fold_in(key, position))(keys)
            others = (_neighbours(augmentation, batch),) if getattr(augmentation, "pairs", False) else ()
            changed = jax.vmap(augmentation)(own, batch, *others)
            _check_shapes(augmentation, batch, changed)
            batch = changed
    return batch


def _neighbours(augmentation: Augmentation, batch: Batch) -> Batch:
    """Returns the batch with rows 0 and 1 swapped, 2 and 3, and so on: pairs that no microbatch divides.

    Raises:
      UserError: a row has no neighbour.
    """
    rows = len(batch["targets"])
    if rows % 2:
        raise UserError(
            f"{type(augmentation).__name__} pairs examples, and {rows} are computed at once; give each device and each "
            "microbatch an even number of them (--batch_size, --microbatch)"
        )
    # (batch, ...) -> (pair, 2, ...) and back
    return jax.tree.map(lambda leaf: leaf.reshape(-1, 2, *leaf.shape[1:])[:, ::-1].reshape(leaf.shape), batch)


def _check_shapes(augmentation: Augmentation, before: Batch, after: Batch) -> None:
    """Raises UserError if inputs or targets are of another shape than before, as where axes were taken for others."""
    name = type(augmentation).__name__
    if not isinstance(after, dict):
        raise UserError(f"augmentation {name} returned {type(after).__name__}; it returns the example, changed")
    for part in ("inputs", "targets"):
        shapes = [[leaf.shape[1:] for leaf in jax.tree.leaves(batch[part])] for batch in (before, after)]
        if shapes[0] != shapes[1]:
            was, now = (str(shape[0] if len(shape) == 1 else shape) for shape in shapes)
            raise UserError(
                f"augmentation {name} makes {part} of shape {now} of {was}; it is given one example, without the batch "
                "axis, and keeps its shape (docs/extend.md)"
            )
