"""Random keys by row: what a layer draws for an example depends on the example's row in the global batch alone.

A batch may be computed in microbatches, on several devices. A layer that drew for all rows at once would draw other
numbers for each way to divide it; with a key for each row the numbers are the same however it is divided.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import flax.linen as nn
import jax
import jax.numpy as jnp

# The random stream whose keys all tiles of a step share. Flax's own layers draw from "dropout", which differs by tile.
STREAM = "rows"
_FIRST_ROW: ContextVar[jax.Array | int] = ContextVar("first_row", default=0)


@contextmanager
def rows_from(first: jax.Array | int) -> Iterator[None]:
    """Sets, while a model is traced, which row of the global batch the first row of its inputs is.

    Args:
      first: scalar int32.
    """
    token = _FIRST_ROW.set(first)
    try:
        yield
    finally:
        _FIRST_ROW.reset(token)


def keys_by_row(key: jax.Array, first: jax.Array | int, rows: int) -> jax.Array:
    """Returns the keys of some rows of the global batch, (rows,), derived from one key and the rows' numbers."""
    return jax.vmap(lambda row: jax.random.fold_in(key, row))(first + jnp.arange(rows))


def row_keys(module: nn.Module, rows: int) -> jax.Array:
    """Returns a key for each row of a module's inputs, (rows,), which no other module and no other step has.

    Outside a train step, where a model is given the stream "dropout" alone, that is what they are derived from.
    """
    key = module.make_rng(STREAM if module.has_rng(STREAM) else "dropout")
    return keys_by_row(key, _FIRST_ROW.get(), rows)
