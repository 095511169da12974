"""Losses of sequences that are shorter than what they are read from."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax


@dataclass(frozen=True)
class CTC:
    """Connectionist temporal classification: the likelihood of a text, whatever the frames that its characters lie in.

    Source: A. Graves et al., Connectionist Temporal Classification, ICML 2006.
    """

    unit = "nats"

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each character: an example's, in equal parts.

        Args:
          outputs: (batch, frame, characters + 1) logits, of which the last is that of the blank.
          targets: (batch, length) integer characters, below 0 after the last one.

        Returns:
          (batch, length) float32 negative log-likelihoods of the example's text, over the number of its characters.
        """
        logits, missing = outputs.astype(jnp.float32), (targets < 0).astype(jnp.float32)
        blank = outputs.shape[-1] - 1
        known = jnp.zeros(logits.shape[:2], jnp.float32)  # every frame is one of the example's
        with jax.numpy_rank_promotion("allow"):  # optax does
            losses = optax.ctc_loss(
                logits, known, jnp.maximum(targets, 0).astype(jnp.int32), missing, blank_id=blank
            )  # (batch,)
        lengths = jnp.maximum((1 - missing).sum(axis=1), 1)
        return jnp.broadcast_to((losses / lengths)[:, None], targets.shape)
