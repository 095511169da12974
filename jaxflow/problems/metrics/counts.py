"""Counts by cell, as confusion matrices and histograms have."""

import jax
import jax.numpy as jnp

# float32 holds whole numbers up to 2**24: a cell that stands there stays there, whatever is added one by one.
AT_ONCE = 1 << 20


def weighted_counts(cells: jax.Array, weights: jax.Array, size: int) -> jax.Array:
    """Returns the sum of the weights in each cell, (size,) float32, of any number of them.

    Args:
      cells: integer array, from 0 to size - 1.
      weights: float32 array of the same shape.
      size: number of cells.
    """
    parts = -(-cells.size // AT_ONCE) or 1
    part = jnp.arange(cells.size, dtype=jnp.int32) // AT_ONCE
    counts = jnp.zeros(parts * size, jnp.float32).at[size * part + cells.ravel()].add(weights.ravel())
    return counts.reshape(parts, size).sum(0)  # (part, cell) -> (cell,)
