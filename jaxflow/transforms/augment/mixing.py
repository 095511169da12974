"""Examples mixed with others of their batch: the loss is that of both targets, weighted as the inputs are."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.ranges import Positive, check_ranges
from jaxflow.schema import Example


@dataclass(frozen=True)
class Mixup:
    """Averages each input with another one of its batch, with random weights.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """

    pairs: ClassVar[bool] = True

    alpha: Positive = 0.2
    """Parameter of the weights' beta distribution: small ones leave most inputs nearly unchanged, 1 draws weights
    uniformly."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example, other: Example) -> Example:
        """Mixes the inputs of two examples; adds "mixed_targets" and "mix_weight"."""
        weight = jax.random.beta(key, self.alpha, self.alpha)
        fraction = weight.astype(example["inputs"].dtype)
        return _mixed(example, other, fraction * example["inputs"] + (1 - fraction) * other["inputs"], weight)


@dataclass(frozen=True)
class CutMix:
    """Pastes a rectangle of another image of its batch into each image, at the same position.

    Source: S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers, ICCV 2019.
    """

    pairs: ClassVar[bool] = True

    alpha: Positive = 1.0
    """Parameter of the beta distribution of the fraction of an image that is kept; 1 draws it uniformly."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example, other: Example) -> Example:
        """Mixes the (height, width, channel) inputs of two examples; adds "mixed_targets" and "mix_weight"."""
        image = example["inputs"]
        weight_key, position_key = jax.random.split(key)
        side = jnp.sqrt(1 - jax.random.beta(weight_key, self.alpha, self.alpha))
        centres = jax.random.uniform(position_key, (2,))

        def covered(centre: jax.Array, length: int) -> jax.Array:
            middles = (jnp.arange(length) + 0.5) / length
            return jnp.abs(middles - centre) < side / 2

        rows, columns = (covered(centre, length) for centre, length in zip(centres, image.shape[:2]))
        inside = rows[:, None] & columns[None, :]  # (height, width)
        mixed = jnp.where(inside[..., None], other["inputs"], image)
        return _mixed(example, other, mixed, 1 - inside.mean())  # what reaches over the edge does not count


def _mixed(example: Example, other: Example, inputs: jax.Array, weight: jax.Array) -> Example:
    """Returns an example with mixed inputs and the targets of both."""
    if "mix_weight" in example:
        raise UserError("augment mixes examples twice; choose Mixup or CutMix")
    if example["targets"].ndim > 0 and jnp.issubdtype(example["targets"].dtype, jnp.integer):
        raise UserError("Mixup and CutMix mix examples with one target each, and here each position has a class")
    return example | {"inputs": inputs, "mix_weight": weight, "mixed_targets": other["targets"]}
