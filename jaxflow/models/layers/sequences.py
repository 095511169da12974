"""Sequences as models take them: tokens, series and spectrograms, and which of their positions are there."""

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError

# The data that models of sequences take, by `Feature.kind`.
SEQUENCE_KINDS = ("tokens", "series", "audio")


def is_tokens(inputs: jax.Array) -> bool:
    """Returns whether inputs are integer tokens, (batch, time)."""
    return inputs.ndim == 2 and jnp.issubdtype(inputs.dtype, jnp.integer)


def as_vectors(inputs: jax.Array) -> jax.Array:
    """Returns series (batch, time, column), or spectrograms (batch, frame, band, 1), as (batch, time, feature).

    Raises:
      UserError: the inputs are neither.
    """
    if inputs.ndim == 4 and inputs.shape[-1] == 1:
        return inputs[..., 0]  # (batch, frame, band)
    if inputs.ndim != 3:
        advice = "; LogMel() makes spectrograms of waveforms" if inputs.ndim == 2 else ""
        raise UserError(
            f"a model of sequences takes tokens (time,), series (time, column) or spectrograms (frame, band, 1), and "
            f"the inputs have shape {inputs.shape[1:]}{advice}"
        )
    return inputs


def present_tokens(tokens: jax.Array) -> jax.Array:
    """Returns which positions of (batch, time) tokens hold a text: all but token 0, which pads it."""
    return tokens != 0


def mean_over_time(vectors: jax.Array, present: jax.Array | None) -> jax.Array:
    """Returns the mean over positions, (batch, feature).

    Args:
      vectors: (batch, time, feature).
      present: (batch, time) booleans, which positions count; None for all. Where none does, the mean is 0.
    """
    if present is None:
        return vectors.mean(axis=1)
    weights = present[..., None].astype(vectors.dtype)  # (batch, time, 1)
    return (vectors * weights).sum(axis=1) / jnp.maximum(weights.sum(axis=1), 1)
