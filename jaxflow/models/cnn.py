"""A plain convolutional network."""

from dataclasses import field
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import (
    Activation,
    Conv,
    Dense,
    Dropout,
    Dtype,
    KernelInit,
    Norm,
    activation,
    is_monotone,
    normalize,
    ops,
)
from jaxflow.ranges import BelowOne, Count, Whole


class CNN(nn.Module):
    """3x3 convolutions, the first of them followed by 2x2 max-pooling, then fully connected layers.

    Windows have as many axes as an example: 3 of a series' times, 3x3 pixels of an image, 3x3x3 voxels of a volume.
    """

    widths: tuple[Count, ...] = (32, 64, 64)
    """Channels of each convolution."""
    pools: Whole = 2
    """Number of convolutions, from the first, that are followed by 2x2 max-pooling."""
    hidden: tuple[Count, ...] = (64,)
    """Width of each fully connected layer before the output."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """VALID shrinks the image by 2 in each convolution; SAME keeps its size."""
    norm: Norm = "none"
    """Normalisation after each convolution, before the activation."""
    activation: Activation = "relu"
    """Activation after each hidden layer."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate before each fully connected layer, the output included."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs
        for layer, width in enumerate(self.widths):
            pooled, early = layer < self.pools, self.norm == "none" and is_monotone(self.activation)
            pool = 2 if pooled and early else 1
            x = Conv(width, padding=self.padding, pool=pool, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            x = normalize(self.norm, x, train, self.dtype)  # (batch, *space, channel)
            x = activation(self.activation)(x)
            if pooled and not early:
                x = ops.max_pool(x)
        x = x.reshape(x.shape[0], -1)  # (batch, space * channel)
        for width in self.hidden:
            x = Dropout(self.dropout)(x, train)
            x = activation(self.activation)(Dense(width, self.dtype, self.kernel_init)(x))
        x = Dropout(self.dropout)(x, train)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)
