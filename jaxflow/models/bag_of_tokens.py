"""A classifier of texts that ignores the order of their tokens."""

from dataclasses import field
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, Embedding, KernelInit, activation
from jaxflow.ranges import BelowOne, Count


class BagOfTokens(nn.Module):
    """The mean of the tokens' vectors, then fully connected layers. Token 0 is padding and is left out of the mean.

    Source: A. Joulin et al., Bag of Tricks for Efficient Text Classification, 2016.
    """

    input_kinds: ClassVar[tuple[str, ...]] = ("tokens",)

    width: Count = 64
    """Length of a token's vector."""
    hidden: tuple[Count, ...] = ()
    """Width of each fully connected layer before the output."""
    activation: Activation = "relu"
    """Activation after each hidden layer."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate before each fully connected layer, the output included."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        vectors = Embedding(self.vocab_size, self.width, self.dtype)(inputs)  # (batch, time, width)
        mask = (inputs != 0)[..., None].astype(self.dtype)
        x = (vectors * mask).sum(axis=1) / jnp.maximum(mask.sum(axis=1), 1)  # (batch, width)
        for width in self.hidden:
            x = Dropout(self.dropout)(x, train)
            x = activation(self.activation)(Dense(width, self.dtype, self.kernel_init)(x))
        x = Dropout(self.dropout)(x, train)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)
