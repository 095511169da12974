"""Losses of distributions over classes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy


@dataclass(frozen=True)
class KL:
    """Kullback-Leibler divergence of softmax(logits) from the target distribution, in nats; 0 where they are the same.

    Source: S. Kullback and R. A. Leibler, On Information and Sufficiency, Annals of Mathematical Statistics 22, 1951.
    """

    unit = "nats"

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) float32 losses of (batch, classes) logits and probabilities."""
        probabilities = targets.astype(jnp.float32)
        logs = jax.nn.log_softmax(outputs.astype(jnp.float32))
        return (xlogy(probabilities, probabilities) - probabilities * logs).sum(-1)
