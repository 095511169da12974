"""Convolutions."""

import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.errors import UserError
from jaxflow.models.layers import ops
from jaxflow.models.layers.dtypes import Dtype
from jaxflow.models.layers.initializers import KernelInit, initializer

ConvPadding = Literal["VALID", "SAME", "CENTERED"]


class Conv(nn.Module):
    """A convolution over (batch, *space, channel), max-pooled where asked."""

    features: int
    """Output channels."""
    kernel: int = 3
    """Side of the window."""
    padding: ConvPadding = "VALID"
    """VALID shrinks the image by kernel - 1; SAME keeps its size; CENTERED too, with kernel // 2 zeros on both sides
    also where there are strides: SAME then has fewer, the odd one on the far side."""
    strides: int = 1
    """Pixels between two windows."""
    pool: int = 1
    """Window of the max-pooling that follows; 1 for none."""
    bias: bool = True
    """Whether a bias is added."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the kernel is drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        if inputs.ndim < 3:
            raise UserError(
                f"a convolution goes over images, scans, spectrograms or sequences, and inputs have shape "
                f"{inputs.shape[1:]}; model=MLP() takes these, and preprocess=(LogMel(),) makes spectrograms of audio"
            )
        window = (self.kernel,) * (inputs.ndim - 2)
        kernel = self.param("kernel", initializer(self.kernel_init), (*window, inputs.shape[-1], self.features))
        padding = [(self.kernel // 2,) * 2] * len(window) if self.padding == "CENTERED" else self.padding
        outputs = ops.conv(inputs.astype(self.dtype), kernel.astype(self.dtype), self.strides, padding)
        if self.pool > 1:
            # Before the bias: max(x + b) = max(x) + b to the bit, and there is less to add.
            outputs = ops.max_pool(outputs, self.pool)
        if not self.bias:
            return outputs
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)
        return outputs + lax.broadcast_to_rank(bias, outputs.ndim)


class ConvTranspose(nn.Module):
    """A transposed convolution whose windows do not overlap: each pixel becomes `factor` of them along each axis."""

    features: int
    """Output channels."""
    factor: int = 2
    """Side of the window, and by how much the image grows."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the kernel is drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        batch, *space, channels = inputs.shape
        window = (self.factor,) * len(space)
        kernel = self.param("kernel", initializer(self.kernel_init), (*window, channels, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)
        # One product, (channel, window * feature), whose columns are then put in their places.
        columns = jnp.moveaxis(kernel.astype(self.dtype), -2, 0).reshape(channels, -1)
        x = inputs.astype(self.dtype) @ columns + lax.broadcast_to_rank(jnp.tile(bias, math.prod(window)), inputs.ndim)
        x = x.reshape(batch, *space, *window, self.features)
        pairs = [axis for pair in zip(range(1, 1 + len(space)), range(1 + len(space), x.ndim - 1)) for axis in pair]
        x = x.transpose(0, *pairs, x.ndim - 1)  # (batch, height, factor, width, factor, feature)
        return x.reshape(batch, *(size * self.factor for size in space), self.features)
