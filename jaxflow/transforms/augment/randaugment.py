"""RandAugment: random operations of one magnitude, drawn for each image."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.ranges import Count, Fraction, check_ranges
from jaxflow.schema import Example
from jaxflow.transforms.augment.geometry import warp

# Magnitude 1 rotates by this many degrees, shears by this slope, and shifts by this fraction of the image.
DEGREES, SLOPE, SHIFT = 30.0, 0.3, 0.3
# Geometric operations, then photometric ones.
MOVES = ("identity", "turn", "shear rows", "shear columns", "shift rows", "shift columns")
CHANGES = ("brightness", "contrast", "colour", "sharpness", "posterize", "solarize", "autocontrast", "equalize")
LEVELS = 256


@dataclass(frozen=True)
class RandAugment:
    """Changes each image by `num_ops` of fourteen operations, drawn at random, with one magnitude for all.

    For images of 0 to 1, as after Scale(0.0, 1.0). What comes in at the border is mirrored, so targets that are
    masks are an error. All operations are computed for every image and one is selected, which is fastest on a device.

    Source: E. D. Cubuk et al., RandAugment: Practical Automated Data Augmentation with a Reduced Search Space, 2020.
    """

    num_ops: Count = 2
    """Number of operations on each image, one after the other."""
    magnitude: Fraction = 0.3
    """How strong they are, from 0 (none) to 1; 0.3 is the paper's magnitude of 9 of 30."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Augments (height, width, channel) inputs."""
        if example["targets"].shape == example["inputs"].shape[:-1]:
            raise UserError("RandAugment moves images and not their masks; use Flip, Crop, Affine and ColorJitter")
        images = example["inputs"][None]  # the operations take (batch, height, width, channel)
        for number in range(self.num_ops):
            operation_key, sign_key = jax.random.split(jax.random.fold_in(key, number))
            chosen = jax.random.randint(operation_key, (1,), 0, len(MOVES) + len(CHANGES))
            signs = jax.random.rademacher(sign_key, (1,), images.dtype)
            moved = _move(images, chosen, signs * self.magnitude)
            images = _change(moved, chosen - len(MOVES), signs * self.magnitude)
        return example | {"inputs": images[0]}


def _move(images: jax.Array, chosen: jax.Array, strength: jax.Array) -> jax.Array:
    """Warps the images for which a geometric operation was chosen; the others are returned bit for bit."""

    def of(name: str) -> jax.Array:
        return jnp.where(chosen == MOVES.index(name), strength, 0.0)

    height, width = images.shape[1:3]
    sine, cosine = jnp.sin(of("turn") * jnp.deg2rad(DEGREES)), jnp.cos(of("turn") * jnp.deg2rad(DEGREES))
    shear_rows, shear_columns = of("shear rows") * SLOPE, of("shear columns") * SLOPE
    back = jnp.stack([jnp.stack([cosine, sine + shear_rows], -1), jnp.stack([shear_columns - sine, cosine], -1)], 1)
    shift = jnp.stack([of("shift rows") * SHIFT * height, of("shift columns") * SHIFT * width], -1)
    stays = (chosen == 0) | (chosen >= len(MOVES))
    return jnp.where(stays[:, None, None, None], images, warp(images, back, shift))


def _change(images: jax.Array, chosen: jax.Array, strength: jax.Array) -> jax.Array:
    """Applies the photometric operations that were chosen; the other images are returned bit for bit."""
    strength, size = strength[:, None, None, None], jnp.abs(strength)[:, None, None, None]
    grey = images.mean(-1, keepdims=True)

    def away_from(other: jax.Array) -> jax.Array:
        """Blends, as Pillow's ImageEnhance: 0 is the other image, 1 this one, and 2 as far on the other side."""
        return other + (1 + 0.9 * strength) * (images - other)

    changed: dict[str, Callable[[], jax.Array]] = {
        "brightness": lambda: away_from(jnp.zeros_like(images)),
        "contrast": lambda: away_from(grey.mean((1, 2), keepdims=True)),
        "colour": lambda: away_from(grey),
        "sharpness": lambda: away_from(_blurred(images)),
        # From 8 bits down to 4.
        "posterize": lambda: _steps(images, jnp.exp2(jnp.round(8 - 4 * size))),
        "solarize": lambda: jnp.where(images < 1 - size, images, 1 - images),
        "autocontrast": lambda: _stretched(images),
        "equalize": lambda: _equalized(images),
    }
    for number, name in enumerate(CHANGES):
        images = jnp.where((chosen == number)[:, None, None, None], jnp.clip(changed[name](), 0.0, 1.0), images)
    return images


def _blurred(images: jax.Array) -> jax.Array:
    """Averages each pixel, with weight five, and its neighbours, with weight one; the border is kept."""
    size = images.shape[1:3]
    total = 4 * images[:, 1:-1, 1:-1]
    for row in range(3):
        for column in range(3):
            total += images[:, row : size[0] - 2 + row, column : size[1] - 2 + column]
    return images.at[:, 1:-1, 1:-1].set(total / 13)


def _steps(images: jax.Array, levels: jax.Array) -> jax.Array:
    return jnp.floor(images * (levels - 1e-3)) / levels


def _stretched(images: jax.Array) -> jax.Array:
    low, high = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    return jnp.where(high > low, (images - low) / jnp.where(high > low, high - low, 1.0), images)


def _equalized(images: jax.Array) -> jax.Array:
    """Equalizes the histogram of each channel."""

    def plane(values: jax.Array) -> jax.Array:
        level = jnp.clip(jnp.round(values * (LEVELS - 1)), 0, LEVELS - 1).astype(jnp.int32)
        counts = jnp.bincount(level.reshape(-1), length=LEVELS)
        darker = jnp.cumsum(counts) - counts
        most = darker[level.max()]  # the darkest level becomes 0, the brightest 1
        return jnp.where(most > 0, darker[level] / jnp.maximum(most, 1), values).astype(values.dtype)

    # over (batch, height, width, channel): each plane separately
    return jax.vmap(jax.vmap(plane, in_axes=-1, out_axes=-1))(images)
