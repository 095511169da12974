"""Augmentations: pure functions (key, batch) -> batch that run inside the training step, and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

Batch = dict[str, jax.Array]


@dataclass(frozen=True)
class Flip:
    """Mirrors each image left to right with probability one half."""

    probability: float = 0.5
    """Probability that an image is mirrored."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Flips (batch, height, width, channel) inputs."""
        images = batch["inputs"]
        chosen = jax.random.bernoulli(key, self.probability, (images.shape[0],))
        return batch | {"inputs": jnp.where(chosen[:, None, None, None], images[:, :, ::-1], images)}


@dataclass(frozen=True)
class Crop:
    """Pads each image and cuts a window of its own size out at random: a shift by up to `pad` pixels."""

    pad: int = 4
    """Pixels added on every side."""
    mode: Literal["reflect", "zero"] = "reflect"
    """What is added: the mirrored image, or zeros."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Shifts (batch, height, width, channel) inputs."""
        images = batch["inputs"]
        size, height, width, _ = images.shape
        widths = ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0))
        padded = jnp.pad(images, widths, mode="reflect" if self.mode == "reflect" else "constant")
        offset = jax.random.randint(key, (2, size, 1), 0, 2 * self.pad + 1)
        rows = offset[0] + jnp.arange(height)  # (batch, height)
        columns = offset[1] + jnp.arange(width)  # (batch, width)
        cut = jnp.take_along_axis(padded, rows[:, :, None, None], axis=1)
        return batch | {"inputs": jnp.take_along_axis(cut, columns[:, None, :, None], axis=2)}


def apply(augmentations: Sequence[Any], key: jax.Array, batch: Batch) -> Batch:
    """Runs augmentations in order, each with a key of its own."""
    for position, augmentation in enumerate(augmentations):
        batch = augmentation(jax.random.fold_in(key, position), batch)
    return batch
