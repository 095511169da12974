"""The U-Net: outputs for each pixel or voxel."""

from dataclasses import field
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import (
    Activation,
    Conv,
    ConvTranspose,
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


class UNetBlock(nn.Module):
    """3x3 convolutions, each with its norm and activation."""

    features: int
    """Output channels."""
    convolutions: int
    """Number of convolutions."""
    norm: Norm
    """Normalisation after each convolution, before the activation."""
    activation: Activation
    """Activation after each convolution."""
    kernel_init: KernelInit
    """How kernels are drawn."""
    dtype: Dtype
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        x = inputs
        for _ in range(self.convolutions):
            # Batch normalisation subtracts the mean, and a bias with it.
            bias = self.norm != "batch"
            x = Conv(self.features, padding="SAME", bias=bias, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            x = activation(self.activation)(normalize(self.norm, x, train, self.dtype))
        return x


class UNet(nn.Module):
    """A U-Net for images, volumes and series of any size.

    At each level of the way back the encoder's features of that resolution are concatenated. Sides that do not divide
    are mirrored at their far edges until they do, and outputs are cropped to the inputs' size.

    Source: O. Ronneberger et al., U-Net, MICCAI 2015; for volumes: Ö. Çiçek et al., 3D U-Net, MICCAI 2016. Convolutions
    keep the size here, and have norms; `widths=(64, 128, 256, 512, 1024), norm="none"` has the source's parameters.
    """

    widths: tuple[Count, ...] = (32, 64, 128, 256)
    """Channels at each resolution; each is half as fine as the one before."""
    convolutions: Count = 2
    """3x3 (3x3x3) convolutions at each resolution, on the way down and on the way up."""
    up: Literal["transpose", "resize"] = "transpose"
    """How resolution doubles: a transposed convolution, or pixels that are repeated and a 1x1 convolution."""
    norm: Norm = "batch"
    """Normalisation after each convolution, before the activation."""
    activation: Activation = "relu"
    """Activation after each convolution."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate at the coarsest resolution."""
    remat: bool = False
    """Whether gradients compute each resolution's activations again instead of keeping them: less memory, more time."""
    kernel_init: KernelInit = "he_fan_out"
    """How the 3x3 convolutions are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Outputs for each pixel or voxel; None takes them from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        kind = nn.remat(UNetBlock, static_argnums=(2,)) if self.remat else UNetBlock
        depth = len(self.widths)

        def block(number: int, x: jax.Array, width: int) -> jax.Array:
            settings = (self.convolutions, self.norm, self.activation, self.kernel_init, self.dtype)
            return kind(width, *settings, name=f"UNetBlock_{number}")(x, train)

        x, inside = pad_to_multiple(inputs, 2 ** (depth - 1))
        skips = []
        for level, width in enumerate(self.widths[:-1]):
            skips.append(block(level, x, width))
            x = ops.max_pool(skips[-1])
        x = Dropout(self.dropout)(block(depth - 1, x, self.widths[-1]), train)
        for level, skip in enumerate(reversed(skips), depth):
            x = jnp.concatenate([skip, self._up(x, skip.shape[-1])], axis=-1)  # (batch, *space, 2 * width)
            x = block(level, x, skip.shape[-1])
        self.sow("intermediates", "features", x[inside])
        x = Conv(self.outputs, kernel=1, dtype=self.dtype)(x)  # (batch, *space, outputs)
        return x[inside].astype(jnp.float32)

    def _up(self, x: jax.Array, features: int) -> jax.Array:
        """Doubles the resolution: (batch, *space, channel) -> (batch, *2 space, feature)."""
        if self.up == "transpose":
            return ConvTranspose(features, dtype=self.dtype)(x)
        # The 1x1 convolution comes first: it is the same of each copy.
        x = Conv(features, kernel=1, dtype=self.dtype)(x)
        for axis in range(1, x.ndim - 1):
            x = jnp.repeat(x, 2, axis)
        return x
