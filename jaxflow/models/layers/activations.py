"""Activation functions, by name."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import jax

Activation = Literal[
    "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_exact", "silu", "softplus", "tanh", "sigmoid", "identity"
]

# These dip before they rise. The others never fall, so that max(f(x)) = f(max(x)): pooling may come first, and less
# remains to be computed.
FALLING = ("gelu", "gelu_exact", "silu")


def activation(name: Activation) -> Callable[[jax.Array], jax.Array]:
    """Returns the activation function of a name.

    "gelu" is the tanh approximation, as in GPT-2; "gelu_exact" has the error function, as torch's default and Keras's.
    """
    return partial(jax.nn.gelu, approximate=False) if name == "gelu_exact" else getattr(jax.nn, name)


def is_monotone(name: Activation) -> bool:
    """Returns whether an activation function never falls."""
    return name not in FALLING
