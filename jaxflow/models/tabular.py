"""A residual network for tables."""

from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import (
    Activation,
    Dense,
    Dropout,
    Dtype,
    KernelInit,
    Norm,
    activation,
    embed_categories,
    normalize,
)
from jaxflow.ranges import BelowOne, Count


class TabularResNet(nn.Module):
    """Blocks of norm, fully connected layer, activation and fully connected layer, each added to its input.

    The last columns of the inputs may be category indices; each is embedded, and concatenated with the others.

    Source: Y. Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, NeurIPS 2021.
    """

    width: Count = 128
    """Length of the vector that each block is added to."""
    hidden: Count = 256
    """Width of the hidden layer of each block."""
    blocks: Count = 2
    """Number of blocks."""
    norm: Norm = "batch"
    """Normalisation at the beginning of each block, and before the output."""
    activation: Activation = "relu"
    """Activation of the hidden layers, and before the output."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate after the hidden layer of each block."""
    residual_dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate of what a block adds."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    cardinalities: tuple[Count, ...] | None = None
    """Number of categories of each of the last columns; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        def dense(x: jax.Array, width: int | None) -> jax.Array:
            return Dense(width, self.dtype, self.kernel_init)(x)

        x = embed_categories(inputs.reshape(len(inputs), -1), self.cardinalities)  # (batch, feature)
        x = dense(x, self.width)
        for _ in range(self.blocks):
            y = dense(normalize(self.norm, x, train, self.dtype), self.hidden)
            y = Dropout(self.dropout)(activation(self.activation)(y), train)
            x = x + Dropout(self.residual_dropout)(dense(y, self.width), train)
        x = activation(self.activation)(normalize(self.norm, x, train, self.dtype))
        self.sow("intermediates", "features", x)
        return dense(x, self.outputs).astype(jnp.float32)
