"""Losses of classes that have an order."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class CORN:
    """Binary cross-entropies of "is it higher than this rank, if it is not lower?", one for each rank but the last.

    Their sum is the negative log-likelihood of the rank. The paper divides a batch's sum by the number of its terms,
    where here, as everywhere, it is divided by that of the examples.

    Source: X. Shi, W. Cao and S. Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on
    Conditional Probabilities, Pattern Analysis and Applications 26, 2023 (arXiv 2111.08851), equation 6.
    """

    unit = "nats"

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example.

        Args:
          outputs: (batch, ranks - 1) float logits of the conditional probabilities.
          targets: (batch,) integer ranks; what is below 0 yields a number that must not count.

        Returns:
          (batch,) float32.
        """
        logits = outputs.astype(jnp.float32)
        ranks = jnp.broadcast_to(jnp.arange(logits.shape[-1], dtype=jnp.int32), logits.shape)
        true = targets.astype(jnp.int32)[..., None]
        higher = jnp.where(true > ranks, logits, -logits)
        return -jnp.where(true >= ranks, jax.nn.log_sigmoid(higher), 0.0).sum(-1)
