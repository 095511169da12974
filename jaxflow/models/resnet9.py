"""The residual network of fast training on CIFAR-10."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models.layers import Conv, Dense, Dtype, KernelInit, Norm, normalize, ops
from jaxflow.ranges import Count

# The outputs are multiplied by this, so that learning is slow where the network is sure.
OUTPUT_SCALE = 0.125


class ResNet9(nn.Module):
    """Nine layers: convolutions, each after the first followed by 2x2 max-pooling, two of these by a residual block.

    Every convolution is followed by its norm and a ReLU, and the maximum over all positions goes into the head.

    Source: D. Page, How to Train Your ResNet, 2018 (DAWNBench).
    """

    widths: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    """Channels of the four convolutions; after the second and the fourth comes a residual block of two more."""
    norm: Norm = "batch"
    """Normalisation after each convolution, before the activation."""
    kernel_init: KernelInit = "he_fan_out"
    """How convolutions are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        def layer(x: jax.Array, width: int, pool: bool = False) -> jax.Array:
            x = Conv(width, padding="SAME", bias=False, kernel_init=self.kernel_init, dtype=self.dtype)(x)
            x = normalize(self.norm, x, train, self.dtype)
            # Pooled first: max(relu(x)) = relu(max(x)), and less remains to be computed.
            return jax.nn.relu(ops.max_pool(x) if pool else x)

        first, second, third, fourth = self.widths
        x = layer(layer(inputs, first), second, pool=True)
        x = x + layer(layer(x, second), second)
        x = layer(layer(x, third, pool=True), fourth, pool=True)
        x = x + layer(layer(x, fourth), fourth)
        x = x.max(axis=tuple(range(1, x.ndim - 1)))  # (batch, channel)
        self.sow("intermediates", "features", x)
        return OUTPUT_SCALE * Dense(self.outputs, self.dtype)(x).astype(jnp.float32)
