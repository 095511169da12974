"""Layers that pool and flatten; they have no parameters."""

from dataclasses import dataclass

import jax

from jaxflow.errors import UserError
from jaxflow.models.layers import avg_pool, ops
from jaxflow.ranges import Count, check_ranges


@dataclass(frozen=True)
class Flatten:
    """Makes one vector of each example."""

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, features)."""
        return inputs.reshape(inputs.shape[0], -1)


@dataclass(frozen=True)
class MaxPool:
    """The maximum of adjacent windows that do not overlap; a remainder at the edge is dropped."""

    window: Count = 2
    """Side of a window."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, *space // window, channel)."""
        return ops.max_pool(_with_channels(inputs), self.window)


@dataclass(frozen=True)
class AvgPool:
    """The mean of adjacent windows that do not overlap; a remainder at the edge is dropped."""

    window: Count = 2
    """Side of a window."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, *space // window, channel)."""
        return avg_pool(_with_channels(inputs), self.window)


@dataclass(frozen=True)
class GlobalAveragePool:
    """The mean over all positions; of texts, too, padding counts as one (`BagOfTokens` leaves it out)."""

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, channel)."""
        return _with_channels(inputs).mean(axis=tuple(range(1, inputs.ndim - 1)))


def _with_channels(inputs: jax.Array) -> jax.Array:
    if inputs.ndim < 3:
        raise UserError(f"pooling takes series, images or volumes with channels, and gets {inputs.shape[1:]}")
    return inputs
