"""A small convolutional network that learns in seconds, on inputs whitened patch by patch."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.interfaces import CONSTANTS
from jaxflow.models.layers import BatchNorm, Conv, Dtype, KernelInit, ops
from jaxflow.ranges import Count

WINDOW = 2


def whitening_filters(images: jax.Array, epsilon: float = 5e-4) -> jax.Array:
    """Computes convolution filters whose outputs over the images' 2x2 patches are uncorrelated and of equal variance.

    Args:
      images: (batch, height, width, channel) float32.
      epsilon: added to the eigenvalues, against the noise of directions in which patches hardly vary.

    Returns:
      (2, 2, channel, 8 * channel) float32 filters: the patches' eigenvectors, scaled, and their negatives.

    Source: D. Page, How to train your ResNet, 2019, as in T. Swerdlow's hlb-CIFAR10.
    """
    height, width, channels = images.shape[1:]
    corners = [(row, column) for row in range(WINDOW) for column in range(WINDOW)]
    patches = jnp.concatenate(
        [images[:, row : height - 1 + row, column : width - 1 + column] for row, column in corners], axis=-1
    ).reshape(-1, len(corners) * channels)  # (patch, window * channel)
    # In full precision: GPUs would multiply with 10 bits, and small eigenvalues are differences of large numbers.
    covariance = jnp.matmul(patches.T, patches, precision="highest") / len(patches)
    values, vectors = jnp.linalg.eigh(covariance)
    filters = vectors / jnp.sqrt(values + epsilon)[None]  # (window * channel, filter)
    return jnp.concatenate([filters, -filters], axis=1).reshape(WINDOW, WINDOW, channels, -1)


class Whitening(nn.Module):
    """A 2x2 convolution with `whitening_filters` of the examples that it is initialised with, and a trained bias."""

    dtype: Dtype = "float32"
    """Dtype of the arithmetic; filters and bias stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        filters = self.variable(CONSTANTS, "kernel", whitening_filters, inputs).value
        bound = 1 / math.sqrt(filters[..., 0].size)

        def uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

        outputs = ops.conv(inputs.astype(self.dtype), filters.astype(self.dtype))
        # In float32, so that the bias's gradient, a sum over millions of pixels, is one too.
        bias = lax.broadcast_to_rank(self.param("bias", uniform, filters.shape[-1:]), outputs.ndim)
        return (outputs.astype(jnp.float32) + bias).astype(self.dtype)


class AirbenchCNN(nn.Module):
    """A frozen whitening layer, then blocks of convolution, pooling, norm, GELU, convolution, norm, GELU.

    Convolutions start as the identity, by default, norms have no scale, and the head starts large and its outputs are
    divided by its width.

    Source: K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024.
    """

    widths: tuple[Count, ...] = (64, 256, 256)
    """Channels of each block, at whose first convolution the image is halved."""
    init_examples: Count = 5000
    """Training examples that the whitening is computed from."""
    kernel_init: KernelInit = "dirac"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = jax.nn.gelu(Whitening(self.dtype)(inputs))
        for width in self.widths:
            for pool in (2, 1):
                convolution = Conv(
                    width, padding="SAME", pool=pool, bias=False, kernel_init=self.kernel_init, dtype=self.dtype
                )
                x = convolution(x)
                x = BatchNorm(momentum=0.6, epsilon=1e-12, scale="none", dtype=self.dtype)(x, train)
                x = jax.nn.gelu(x)  # (batch, height, width, channel)
        x = x.max(axis=(1, 2)).astype(jnp.float32)  # (batch, channel)
        self.sow("intermediates", "features", x)
        head = self.param("head", _unit_uniform, (x.shape[-1], self.outputs))
        return x @ head / x.shape[-1]


def _unit_uniform(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Draws uniform values of standard deviation 1."""
    return jax.random.uniform(key, shape, minval=-math.sqrt(3), maxval=math.sqrt(3))
