"""Examples joined with others of their tile: the loss is that of both targets, in the same shares as the inputs."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.interfaces import Batch


@dataclass(frozen=True)
class Mixup:
    """Adds each input to another one of its tile, in random shares.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
    """

    alpha: float = 0.2
    """Parameter of the shares' beta distribution: small ones leave most inputs nearly alone, 1 draws every share
    alike."""

    def __post_init__(self) -> None:
        _check_alpha(self.alpha)

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Mixes (batch, ...) inputs; adds the targets of the "other" and the own "mix_weight" of each example."""
        inputs = batch["inputs"]
        share = jax.random.beta(key, self.alpha, self.alpha, (len(inputs),))
        own = share.reshape(-1, *(1,) * (inputs.ndim - 1)).astype(inputs.dtype)
        return _joined(batch, own * inputs + (1 - own) * jnp.roll(inputs, 1, axis=0), share)


@dataclass(frozen=True)
class CutMix:
    """Puts a rectangle of another image of its tile into each image, at the same place.

    Source: S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers, ICCV 2019.
    """

    alpha: float = 1.0
    """Parameter of the beta distribution of the share of an image that stays; 1 draws every share alike."""

    def __post_init__(self) -> None:
        _check_alpha(self.alpha)

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Mixes (batch, height, width, channel) inputs; adds the targets of the "other" and the own "mix_weight"."""
        images = batch["inputs"]
        share_key, place_key = jax.random.split(key)
        side = jnp.sqrt(1 - jax.random.beta(share_key, self.alpha, self.alpha, (len(images),)))
        centres = jax.random.uniform(place_key, (2, len(images)))

        def covered(centre: jax.Array, length: int) -> jax.Array:
            middles = (jnp.arange(length) + 0.5) / length
            return jnp.abs(middles - centre[:, None]) < side[:, None] / 2  # (batch, length)

        rows, columns = (covered(centre, length) for centre, length in zip(centres, images.shape[1:3]))
        inside = rows[:, :, None] & columns[:, None, :]  # (batch, height, width)
        mixed = jnp.where(inside[..., None], jnp.roll(images, 1, axis=0), images)
        return _joined(batch, mixed, 1 - inside.mean((1, 2)))  # what hangs over the edge is not there


def _joined(batch: Batch, inputs: jax.Array, share: jax.Array) -> Batch:
    """Makes the batch whose examples are joined with the one before them."""
    if "mix_weight" in batch:
        raise UserError("augment joins examples twice; choose Mixup or CutMix")
    if batch["targets"].ndim > 1 and jnp.issubdtype(batch["targets"].dtype, jnp.integer):
        raise UserError("Mixup and CutMix join examples with one target each, and here each place has a class")
    return batch | {"inputs": inputs, "mix_weight": share, "mixed_targets": jnp.roll(batch["targets"], 1, axis=0)}


def _check_alpha(alpha: float) -> None:
    if isinstance(alpha, int | float) and not alpha > 0:  # a traced one has no value to look at
        raise UserError(f"augment.alpha is {alpha}; it must be more than 0")
