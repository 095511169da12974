"""Losses per example, never reduced: who weighs and adds them up is the training step's business."""

import jax
import jax.numpy as jnp


def softmax_cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float | jax.Array = 0.0) -> jax.Array:
    """Cross-entropy between softmax(logits) and the (smoothed) one-hot labels.

    The one-hot array is never made: with smoothing s the loss is (1 - s) * nll(label) + s * mean(nll).

    Args:
      logits: (..., classes) float.
      labels: (...) integer.
      smoothing: share of the probability that is spread evenly over the classes; may be traced.

    Returns:
      (...) float32 losses in nats.

    Source: C. Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7.
    """
    log_probabilities = jax.nn.log_softmax(logits.astype(jnp.float32))
    label = jnp.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]
    return -(1.0 - smoothing) * label - smoothing * log_probabilities.mean(axis=-1)


def huber(residuals: jax.Array, delta: float | jax.Array) -> jax.Array:
    """Half the square of a residual up to `delta`, and from there on a straight line: outliers pull less.

    Args:
      residuals: (...) float.
      delta: where the line begins; may be traced.

    Returns:
      (...) losses.

    Source: P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.
    """
    size = jnp.abs(residuals)
    square = jnp.minimum(size, delta)
    return square * (size - 0.5 * square)
