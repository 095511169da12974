"""Photometric augmentations: they change values and move nothing."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.ranges import Finite, NonNegative, Whole, check_ranges
from jaxflow.schema import Example


@dataclass(frozen=True)
class ColorJitter:
    """Changes brightness, contrast and saturation of each image at random; 0 is black, as after Scale(0.0, 1.0)."""

    brightness: NonNegative = 0.2
    """Largest change of the factor that all pixels are multiplied by."""
    contrast: NonNegative = 0.2
    """Largest change of the distance from the image's mean."""
    saturation: NonNegative = 0.2
    """Largest change of the distance of the channels from their mean; grey images have none."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Jitters (height, width, channel) inputs."""
        most = jnp.array([self.brightness, self.contrast, self.saturation])
        factors = 1 + most * jax.random.uniform(key, (3,), minval=-1.0, maxval=1.0)
        brightness, contrast, saturation = factors.astype(example["inputs"].dtype)
        image = example["inputs"] * brightness
        mean = image.mean()
        image = mean + (image - mean) * contrast
        grey = image.mean(-1, keepdims=True)
        return example | {"inputs": grey + (image - grey) * saturation}


@dataclass(frozen=True)
class Cutout:
    """Covers a square of each image; it may reach over the edge.

    Source: T. DeVries and G. Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017.
    """

    size: Whole = 8
    """Side of the square in pixels."""
    value: Finite = 0.0
    """Value of the covered pixels, in the units after preprocessing."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Masks a square of (height, width, channel) inputs."""
        image = example["inputs"]

        def covered(key: jax.Array, length: int) -> jax.Array:
            first = jax.random.randint(key, (), 0, length) - self.size // 2
            positions = jnp.arange(length)
            return (positions >= first) & (positions < first + self.size)

        rows, columns = (covered(k, length) for k, length in zip(jax.random.split(key), image.shape[:2]))
        square = rows[:, None, None] & columns[None, :, None]
        return example | {"inputs": jnp.where(square, jnp.asarray(self.value, image.dtype), image)}


@dataclass(frozen=True)
class GaussianNoise:
    """Adds Gaussian noise to inputs of any shape."""

    std: NonNegative = 0.05
    """Standard deviation, in the units after preprocessing."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Adds noise to inputs."""
        inputs = example["inputs"]
        return example | {"inputs": inputs + self.std * jax.random.normal(key, inputs.shape, inputs.dtype)}
