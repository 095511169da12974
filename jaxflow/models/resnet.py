"""Residual networks for small images."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models.layers import BatchNorm, Conv, Dense, Dtype
from jaxflow.ranges import Count


class Block(nn.Module):
    """Two 3x3 convolutions whose result is added to their input.

    Each block starts as (nearly) the identity: its last norm's scale is 0 (P. Goyal et al., 2017, section 5.1).
    """

    features: int
    """Output channels."""
    strides: int = 1
    """Pixels between two windows of the first convolution; the sum is smaller by this factor."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        def conv(features: int, kernel: int, strides: int, x: jax.Array) -> jax.Array:
            return Conv(features, kernel, "SAME", strides, bias=False, kernel_init="he", dtype=self.dtype)(x)

        x = conv(self.features, 3, self.strides, inputs)
        x = jax.nn.relu(BatchNorm(dtype=self.dtype)(x, train))
        x = conv(self.features, 3, 1, x)
        x = BatchNorm(scale="zeros", dtype=self.dtype)(x, train)  # (batch, height, width, channel)
        shortcut = inputs
        if inputs.shape != x.shape:
            shortcut = BatchNorm(dtype=self.dtype)(conv(self.features, 1, self.strides, inputs), train)
        return jax.nn.relu(x + shortcut)


class ResNet(nn.Module):
    """A ResNet of basic blocks with a 3x3 stem and no pooling before the blocks; the defaults are ResNet-18.

    Source: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    widths: tuple[Count, ...] = (64, 128, 256, 512)
    """Channels of each stage; every stage but the first halves the image."""
    blocks: tuple[Count, ...] = (2, 2, 2, 2)
    """Blocks of each stage."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"{len(self.widths)} widths but {len(self.blocks)} blocks; give one number to each stage")
        x = Conv(self.widths[0], padding="SAME", bias=False, kernel_init="he", dtype=self.dtype)(inputs)
        x = jax.nn.relu(BatchNorm(dtype=self.dtype)(x, train))
        for stage, (width, blocks) in enumerate(zip(self.widths, self.blocks)):
            for block in range(blocks):
                strides = 2 if stage > 0 and block == 0 else 1
                x = Block(width, strides, self.dtype)(x, train)  # (batch, height, width, channel)
        x = x.mean(axis=(1, 2))  # (batch, channel)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)
