"""Images and volumes of any size, for networks that halve them."""

import jax
import jax.numpy as jnp


def pad_to_multiple(inputs: jax.Array, multiple: int) -> tuple[jax.Array, tuple[slice, ...]]:
    """Pads each side to a multiple of a size, mirrored at the far edges.

    Args:
      inputs: (batch, *space, channel).
      multiple: what each side of the result is a multiple of.

    Returns:
      (batch, *space', channel), and the index that takes the inputs' own positions out of such an array.
    """
    space = inputs.shape[1:-1]
    padding = [(0, -size % multiple) for size in space]
    padded = jnp.pad(inputs, [(0, 0), *padding, (0, 0)], mode="symmetric")
    return padded, (slice(None), *map(slice, space))
