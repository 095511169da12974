"""Losses of classes that look at how far the true class is from the others."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.ranges import NonNegative, check_ranges


@dataclass(frozen=True)
class Focal:
    """Cross-entropy times (1 - probability of the target)^gamma: what is right already counts less.

    Source: T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, without alpha.
    """

    gamma: NonNegative = 2.0
    """How much less; 0 is cross-entropy."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (...) float32 losses of (..., classes) logits and (...) labels."""
        logits = outputs.astype(jnp.float32)
        true, others = _true_and_others(logits, targets)
        total = jax.nn.logsumexp(logits, axis=-1)
        # As logarithms, both factors and their gradients stay finite where the probability is 0 or 1.
        return jnp.exp(self.gamma * (jax.nn.logsumexp(others, axis=-1) - total)) * (total - true)


@dataclass(frozen=True)
class Hinge:
    """How much the true class's lead over the best other one falls short of 1.

    Source: K. Crammer and Y. Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines,
    JMLR 2, 2001.
    """

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (...) float32 losses of (..., classes) logits and (...) labels."""
        true, others = _true_and_others(outputs.astype(jnp.float32), targets)
        return jnp.maximum(0.0, 1.0 + others.max(axis=-1) - true)


def _true_and_others(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the logit of each target, and all logits with that one out of the way; a target below 0 as if 0."""
    labels = jnp.maximum(targets, 0).astype(jnp.int32)[..., None]
    is_true = jax.nn.one_hot(labels[..., 0], logits.shape[-1], dtype=bool)
    return jnp.take_along_axis(logits, labels, axis=-1)[..., 0], jnp.where(is_true, -1e30, logits)
