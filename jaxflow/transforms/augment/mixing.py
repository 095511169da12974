"""Examples mixed with others of their microbatch: the loss is that of both targets, weighted as the inputs are."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.interfaces import Batch
from jaxflow.ranges import Positive, check_ranges


@dataclass(frozen=True)
class Mixup:
    """Averages each input with another one of its microbatch, with random weights.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """

    alpha: Positive = 0.2
    """Parameter of the weights' beta distribution: small ones leave most inputs nearly unchanged, 1 draws weights
    uniformly."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Mixes (batch, ...) inputs; adds "mixed_targets" and "mix_weight" of each example."""
        inputs = batch["inputs"]
        weight = jax.random.beta(key, self.alpha, self.alpha, (len(inputs),))
        broadcast = weight.reshape(-1, *(1,) * (inputs.ndim - 1)).astype(inputs.dtype)
        return _mixed(batch, broadcast * inputs + (1 - broadcast) * jnp.roll(inputs, 1, axis=0), weight)


@dataclass(frozen=True)
class CutMix:
    """Pastes a rectangle of another image of its microbatch into each image, at the same position.

    Source: S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers, ICCV 2019.
    """

    alpha: Positive = 1.0
    """Parameter of the beta distribution of the fraction of an image that is kept; 1 draws it uniformly."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Mixes (batch, height, width, channel) inputs; adds "mixed_targets" and "mix_weight"."""
        images = batch["inputs"]
        weight_key, position_key = jax.random.split(key)
        side = jnp.sqrt(1 - jax.random.beta(weight_key, self.alpha, self.alpha, (len(images),)))
        centres = jax.random.uniform(position_key, (2, len(images)))

        def covered(centre: jax.Array, length: int) -> jax.Array:
            middles = (jnp.arange(length) + 0.5) / length
            return jnp.abs(middles[None] - centre[:, None]) < side[:, None] / 2  # (batch, length)

        rows, columns = (covered(centre, length) for centre, length in zip(centres, images.shape[1:3]))
        inside = rows[:, :, None] & columns[:, None, :]  # (batch, height, width)
        mixed = jnp.where(inside[..., None], jnp.roll(images, 1, axis=0), images)
        return _mixed(batch, mixed, 1 - inside.mean((1, 2)))  # what reaches over the edge does not count


def _mixed(batch: Batch, inputs: jax.Array, weight: jax.Array) -> Batch:
    """Returns the batch with each example mixed with the one before it."""
    if "mix_weight" in batch:
        raise UserError("augment mixes examples twice; choose Mixup or CutMix")
    if batch["targets"].ndim > 1 and jnp.issubdtype(batch["targets"].dtype, jnp.integer):
        raise UserError("Mixup and CutMix mix examples with one target each, and here each position has a class")
    return batch | {"inputs": inputs, "mix_weight": weight, "mixed_targets": jnp.roll(batch["targets"], 1, axis=0)}
