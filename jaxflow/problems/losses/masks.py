"""Losses of masks, of an example's pixels together: each pixel has the loss of its example."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.ranges import NonNegative, check_ranges


@dataclass(frozen=True)
class Tversky:
    """1 - Tversky index of probabilities and mask, the mean over the classes that an example's mask has.

    Source: S. S. M. Salehi et al., Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep
    Networks, MLMI 2017.
    """

    false_positives: NonNegative = 0.3
    """How much a pixel counts that is taken for a class and is of another."""

    false_negatives: NonNegative = 0.7
    """How much a pixel counts that is of a class and is taken for another."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch, *spatial) float32 losses of (batch, *spatial, classes) logits; labels below 0 are ignored."""
        return _overlap(outputs, targets, self.false_positives, self.false_negatives)


@dataclass(frozen=True)
class Dice:
    """1 - Dice coefficient of probabilities and mask, the mean over the classes that an example's mask has.

    Source: F. Milletari et al., V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation,
    3DV 2016, with sums of probabilities and not of their squares below the line.
    """

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch, *spatial) float32 losses of (batch, *spatial, classes) logits; labels below 0 are ignored."""
        return _overlap(outputs, targets, 0.5, 0.5)


def _overlap(outputs: jax.Array, targets: jax.Array, positives: float, negatives: float) -> jax.Array:
    classes = outputs.shape[-1]
    logits = outputs.reshape(len(outputs), -1, classes).astype(jnp.float32)  # (batch, pixel, class)
    labels = targets.reshape(len(targets), -1).astype(jnp.int32)  # (batch, pixel)
    known = (labels >= 0)[..., None]
    probabilities = jnp.where(known, jax.nn.softmax(logits), 0.0)
    true = jax.nn.one_hot(labels, classes)  # a label below 0 is none of them
    both, taken, there = (probabilities * true).sum(1), probabilities.sum(1), true.sum(1)  # (batch, class)
    present = there > 0
    whole = both + positives * (taken - both) + negatives * (there - both)
    index = jnp.where(present & (whole > 0), both / jnp.where(whole > 0, whole, 1.0), 0.0)
    losses = jnp.where(present, 1.0 - index, 0.0).sum(1) / jnp.maximum(present.sum(1), 1)  # (batch,)
    return jnp.broadcast_to(losses[:, None], labels.shape).reshape(targets.shape)
