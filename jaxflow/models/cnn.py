"""A plain convolutional network."""

from dataclasses import field
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models import ops
from jaxflow.models.layers import MONOTONE, Activation, BatchNorm, Conv, Dense, Dropout, Dtype, activation
from jaxflow.ranges import BelowOne, Count, Whole


class CNN(nn.Module):
    """3x3 convolutions, the first of them followed by 2x2 max-pooling, then fully connected layers."""

    widths: tuple[Count, ...] = (32, 64, 64)
    """Channels of each convolution."""
    pools: Whole = 2
    """Number of convolutions, from the first, that are followed by 2x2 max-pooling."""
    hidden: tuple[Count, ...] = (64,)
    """Width of each fully connected layer before the output."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """VALID shrinks the image by 2 in each convolution; SAME keeps its size."""
    norm: Literal["none", "batch"] = "none"
    """Normalisation after each convolution, before the activation."""
    activation: Activation = "relu"
    """Activation after each hidden layer."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate before each fully connected layer, the output included."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs
        for layer, width in enumerate(self.widths):
            pooled, early = layer < self.pools, self.norm == "none" and self.activation in MONOTONE
            pool = 2 if pooled and early else 1
            x = Conv(width, padding=self.padding, pool=pool, dtype=self.dtype)(x)  # (batch, height, width, channel)
            if self.norm == "batch":
                x = BatchNorm(dtype=self.dtype)(x, train)
            x = activation(self.activation)(x)
            if pooled and not early:
                x = ops.max_pool(x)
        x = x.reshape(x.shape[0], -1)  # (batch, height * width * channel)
        for width in self.hidden:
            x = Dropout(self.dropout)(x, train)
            x = activation(self.activation)(Dense(width, self.dtype)(x))
        x = Dropout(self.dropout)(x, train)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)
