"""Convolution and pooling over (batch, height, width, channel)."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Padding = Literal["VALID", "SAME"]


def conv(inputs: jax.Array, kernel: jax.Array, padding: Padding = "VALID") -> jax.Array:
    """Convolves images with a kernel, stride 1.

    Args:
      inputs: (batch, height, width, channel).
      kernel: (height, width, channel, feature).
      padding: "VALID" or "SAME".

    Returns:
      (batch, height', width', feature).
    """
    return lax.conv_general_dilated(inputs, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def max_pool(inputs: jax.Array, window: int = 2) -> jax.Array:
    """Takes the maximum of windows that touch but do not overlap; a remainder at the edge is dropped.

    Args:
      inputs: (batch, height, width, channel).
      window: height and width of a window.

    Returns:
      (batch, height // window, width // window, channel).
    """
    sizes = (1, window, window, 1)
    return lax.reduce_window(inputs, -jnp.inf, lax.max, sizes, sizes, "VALID")
