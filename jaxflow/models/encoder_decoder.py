"""A plain convolutional network with an output for each pixel or voxel."""

from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import (
    Activation,
    Conv,
    Dropout,
    Dtype,
    KernelInit,
    Norm,
    activation,
    normalize,
    ops,
    pad_to_multiple,
)
from jaxflow.ranges import BelowOne, Count


class LinkNet(nn.Module):
    """Convolutions at coarser and coarser resolution, and back, for images and volumes of any size.

    At each level of the way back the encoder's features of that resolution are added, as in LinkNet;
    `UNet` concatenates them, which takes more arithmetic.

    Source: O. Ronneberger et al., U-Net, MICCAI 2015; A. Chaurasia and E. Culurciello, LinkNet, VCIP 2017.
    """

    widths: tuple[Count, ...] = (16, 32, 64)
    """Channels at each resolution; each is half as fine as the one before."""
    convolutions: Count = 2
    """3x3 (3x3x3) convolutions at each resolution, on the way down and on the way up."""
    norm: Norm = "batch"
    """Normalisation after each convolution, before the activation."""
    activation: Activation = "relu"
    """Activation after each convolution."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate at the coarsest resolution."""
    kernel_init: KernelInit = "he_fan_out"
    """How the 3x3 convolutions are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Outputs for each pixel or voxel; None takes them from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        def block(x: jax.Array, width: int) -> jax.Array:
            for _ in range(self.convolutions):
                x = Conv(width, padding="SAME", kernel_init=self.kernel_init, dtype=self.dtype)(x)
                x = normalize(self.norm, x, train, self.dtype)
                x = activation(self.activation)(x)
            return x

        x, inside = pad_to_multiple(inputs, 2 ** (len(self.widths) - 1))
        seen = []
        for width in self.widths[:-1]:
            seen.append(block(x, width))
            x = ops.max_pool(seen[-1])
        x = Dropout(self.dropout)(block(x, self.widths[-1]), train)
        for skip in reversed(seen):
            x = Conv(skip.shape[-1], kernel=1, dtype=self.dtype)(x)
            for axis in range(1, x.ndim - 1):
                x = jnp.repeat(x, 2, axis)
            x = block(x + skip, skip.shape[-1])
        self.sow("intermediates", "features", x[inside])
        x = Conv(self.outputs, kernel=1, dtype=self.dtype)(x)  # (batch, *space, outputs)
        return x[inside].astype(jnp.float32)
