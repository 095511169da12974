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
class AlternatingFlip:
    """Mirrors each image left to right in every other epoch; chance decides for each example in which.

    Two epochs in a row then hold every image in both forms, where Flip would often show the same form twice. The batch
    must say "index" and "epoch" of each example, as the batches of an experiment do.

    Source: K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024, section 3.6.
    """

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Flips (batch, height, width, channel) inputs; which ones is no matter of the step's key."""
        first = jax.vmap(lambda index: jax.random.bits(jax.random.fold_in(jax.random.key(0), index)))(batch["index"])
        mirrored = (first + batch["epoch"].astype(jnp.uint32)) % 2 == 1
        images = batch["inputs"]
        return batch | {"inputs": jnp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)}


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


@dataclass(frozen=True)
class Affine:
    """Turns each image about its centre and zooms in or out, at random; around it is its mirror image."""

    degrees: float = 15.0
    """Largest angle, to either side."""
    zoom: float = 0.1
    """Largest change of size: with 0.1 by a factor from 0.9 to 1.1."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Turns and zooms (batch, height, width, channel) inputs."""
        images = batch["inputs"]
        angles, factors = jax.random.uniform(key, (2, images.shape[0]), minval=-1.0, maxval=1.0)
        return batch | {"inputs": turn(images, angles * jnp.deg2rad(self.degrees), 1.0 + self.zoom * factors)}


def turn(images: jax.Array, angles: jax.Array, factors: jax.Array) -> jax.Array:
    """Turns and zooms images about their centres, by bilinear interpolation.

    Args:
      images: (batch, height, width, channel) float.
      angles: (batch,) radians, anticlockwise.
      factors: (batch,) sizes; 2 shows everything twice as large.

    Returns:
      Array like `images`.
    """
    height, width = images.shape[1:3]
    rows, columns = jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2
    grid = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"))  # (axis, height, width)

    def one(image: jax.Array, angle: jax.Array, factor: jax.Array) -> jax.Array:
        sine, cosine = jnp.sin(angle) / factor, jnp.cos(angle) / factor
        back = jnp.array([[cosine, sine], [-sine, cosine]])  # where each pixel comes from
        places = jnp.einsum("ij,jhw->ihw", back, grid, precision="highest")
        places += jnp.array([height - 1, width - 1])[:, None, None] / 2

        def channel(plane: jax.Array) -> jax.Array:
            return jax.scipy.ndimage.map_coordinates(plane, list(places), order=1, mode="mirror")

        return jax.vmap(channel, in_axes=-1, out_axes=-1)(image)

    return jax.vmap(one)(images, angles, factors)


@dataclass(frozen=True)
class ColorJitter:
    """Changes brightness, contrast and saturation of each image at random; 0 is black, as after Scale(0.0, 1.0)."""

    brightness: float = 0.2
    """Largest change of the factor that all pixels are multiplied by."""
    contrast: float = 0.2
    """Largest change of the distance from the image's mean."""
    saturation: float = 0.2
    """Largest change of the distance of the channels from their mean; grey images have none."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Changes (batch, height, width, channel) inputs."""
        images = batch["inputs"]
        most = jnp.array([self.brightness, self.contrast, self.saturation])[:, None, None, None, None]
        factors = 1 + most * jax.random.uniform(key, (3, images.shape[0], 1, 1, 1), minval=-1.0, maxval=1.0)
        brightness, contrast, saturation = factors.astype(images.dtype)
        images = images * brightness
        mean = images.mean((1, 2, 3), keepdims=True)
        images = mean + (images - mean) * contrast
        grey = images.mean(-1, keepdims=True)
        return batch | {"inputs": grey + (images - grey) * saturation}


@dataclass(frozen=True)
class Cutout:
    """Covers a square of each image; it may hang over the edge.

    Source: T. DeVries and G. Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017.
    """

    size: int = 8
    """Side of the square in pixels."""
    value: float = 0.0
    """What it is covered with, in the units that preprocessing gives."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Covers parts of (batch, height, width, channel) inputs."""
        images = batch["inputs"]

        def covered(key: jax.Array, length: int) -> jax.Array:
            first = jax.random.randint(key, (images.shape[0], 1), 0, length) - self.size // 2
            places = jnp.arange(length)
            return (places >= first) & (places < first + self.size)  # (batch, length)

        rows, columns = (covered(k, length) for k, length in zip(jax.random.split(key), images.shape[1:3]))
        square = rows[:, :, None, None] & columns[:, None, :, None]
        return batch | {"inputs": jnp.where(square, jnp.asarray(self.value, images.dtype), images)}


@dataclass(frozen=True)
class Noise:
    """Adds Gaussian noise to inputs of any shape."""

    deviation: float = 0.05
    """Standard deviation, in the units that preprocessing gives."""

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Adds noise to (batch, ...) inputs."""
        inputs = batch["inputs"]
        return batch | {"inputs": inputs + self.deviation * jax.random.normal(key, inputs.shape, inputs.dtype)}


def apply(augmentations: Sequence[Any], key: jax.Array, batch: Batch) -> Batch:
    """Runs augmentations in order, each with a key of its own."""
    for position, augmentation in enumerate(augmentations):
        batch = augmentation(jax.random.fold_in(key, position), batch)
    return batch
