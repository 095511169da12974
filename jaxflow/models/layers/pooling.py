"""Pooling that ops.max_pool does not do: windows that overlap, means."""

import functools

import jax
import jax.numpy as jnp
from jax import lax


def overlapping_max_pool(inputs: jax.Array, window: int = 3, strides: int = 2) -> jax.Array:
    """Pools the maximum of windows that overlap, the first centred on the first position; beyond the edges is nothing.

    These are PyTorch's windows with padding = window // 2. It compares shifted slices, axis by axis: lax's own is
    differentiated by select-and-scatter, which is slow on CPU.

    Args:
      inputs: (batch, *space, channel), floating.
      window: side of a window, odd.
      strides: positions between two windows.

    Returns:
      (batch, *ceil(space / strides), channel).
    """
    for axis in range(1, inputs.ndim - 1):
        padding = [(window // 2 * (other == axis),) * 2 for other in range(inputs.ndim)]
        padded = jnp.pad(inputs, padding, constant_values=-jnp.inf)
        count = -(-inputs.shape[axis] // strides)
        slices = [
            lax.slice_in_dim(padded, start, start + (count - 1) * strides + 1, strides, axis) for start in range(window)
        ]
        inputs = functools.reduce(jnp.maximum, slices)
    return inputs


def avg_pool(inputs: jax.Array, window: int = 2) -> jax.Array:
    """Pools the mean of adjacent windows that do not overlap; a remainder at the edge is dropped.

    Args:
      inputs: (batch, *space, channel), floating.
      window: side of a window.

    Returns:
      (batch, *space // window, channel).

    Raises:
      ValueError: the window is larger than the inputs.
    """
    space = inputs.shape[1:-1]
    if any(size < window for size in space):
        raise ValueError(f"a pool of {(window,) * len(space)} does not fit into {space}")
    for axis in range(1, inputs.ndim - 1):
        whole = lax.slice_in_dim(inputs, 0, inputs.shape[axis] // window * window, axis=axis)
        inputs = whole.reshape(*whole.shape[:axis], -1, window, *whole.shape[axis + 1 :]).mean(axis + 1)
    return inputs
