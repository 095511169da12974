"""Augmentations of whole batches, for the tests."""

import jax.numpy as jnp

from jaxflow.models.layers.rows import keys_by_row
from jaxflow.transforms import augment


def augment_batch(augmentation, key, batch):
    """Returns a batch after one augmentation, as a step changes it; targets are zeros where the batch has none."""
    rows = len(batch["inputs"])
    return augment.apply((augmentation,), keys_by_row(key, 0, rows), {"targets": jnp.zeros(rows, jnp.int32)} | batch)
