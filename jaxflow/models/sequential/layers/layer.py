"""What a layer of a Sequential is."""

from typing import Protocol, cast, runtime_checkable

import jax

from jaxflow.models.layers import Dtype


@runtime_checkable
class Layer(Protocol):
    """A layer of a Sequential: `jaxflow.layers.Dense(64)`; one of your own is such a class, or a Linen module.

    Two fields that are None are filled in: `features` of the last layer with the number of outputs, `vocab_size` of any
    with the number of tokens. A class with `takes_tokens: ClassVar[bool] = True` gets its inputs as they are; others
    get them in the network's dtype.
    """

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Computes a layer, whose parameters are the network's, since it is called in its compact `__call__`.

        Args:
          inputs: (batch, ...), outputs of the layer before.
          train: whether dropout is active and batch statistics are updated.

        Returns:
          (batch, ...).
        """
        ...


def dtype_of(inputs: jax.Array) -> Dtype:
    """Returns the dtype of a layer's arithmetic, which is that of its inputs."""
    return cast(Dtype, inputs.dtype.name)
