"""Autoencoders: what goes through a bottleneck and comes out again, beside what went in."""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models.layers import Activation, Conv, Dense, Dtype, KernelInit, activation
from jaxflow.ranges import Count


class MLPAutoencoder(nn.Module):
    """Fully connected layers to a bottleneck and, mirrored, back; any input shape is flattened.

    Source: G. E. Hinton and R. R. Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313,
    2006.
    """

    hidden: tuple[Count, ...] = (128,)
    """Width of each hidden layer before the bottleneck; after it they come in reverse."""
    bottleneck: Count = 16
    """Width of the bottleneck."""
    activation: Activation = "relu"
    """Activation after each hidden layer; the bottleneck has none."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs.reshape(len(inputs), -1)  # (batch, number)
        for width in self.hidden:
            x = activation(self.activation)(Dense(width, self.dtype, self.kernel_init)(x))
        x = Dense(self.bottleneck, self.dtype, self.kernel_init)(x)
        self.sow("intermediates", "features", x)
        for width in reversed(self.hidden):
            x = activation(self.activation)(Dense(width, self.dtype, self.kernel_init)(x))
        return beside(Dense(math.prod(inputs.shape[1:]), self.dtype, self.kernel_init)(x), inputs)


class ConvAutoencoder(nn.Module):
    """Convolutions that halve images or volumes down to a bottleneck and, mirrored, double them back.

    Doubling repeats pixels before a convolution, which leaves no checkerboard (A. Odena et al., Deconvolution and
    Checkerboard Artifacts, Distill, 2016).
    """

    widths: tuple[Count, ...] = (16, 32)
    """Channels of each convolution, which halves each side, before the bottleneck; after it they come in reverse."""
    bottleneck: Count = 32
    """Width of the bottleneck."""
    activation: Activation = "relu"
    """Activation after each convolution; the bottleneck has none."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        act: Callable[[jax.Array], jax.Array] = activation(self.activation)
        conv = partial(Conv, padding="SAME", kernel_init=self.kernel_init, dtype=self.dtype)
        x, sides = inputs, []
        for width in self.widths:
            sides.append(x.shape[1:-1])
            x = act(conv(width, strides=2)(x))  # (batch, *side / 2, channel)
        shape = x.shape[1:]
        x = Dense(self.bottleneck, self.dtype, self.kernel_init)(x.reshape(len(x), -1))
        self.sow("intermediates", "features", x)
        x = act(Dense(math.prod(shape), self.dtype, self.kernel_init)(x)).reshape(-1, *shape)
        for side, width in zip(reversed(sides), (*self.widths[-2::-1], inputs.shape[-1])):
            for axis, size in enumerate(side, 1):
                x = jnp.repeat(x, 2, axis=axis).take(jnp.arange(size), axis=axis)  # an odd side lost half a pixel
            x = conv(width)(x)  # (batch, *side, width)
            x = act(x) if side is not sides[0] else x
        return beside(x, inputs)


def beside(reconstruction: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns (batch, numbers, 2) float32: each number of a reconstruction beside that of the inputs."""
    flat = [part.reshape(len(inputs), -1).astype(jnp.float32) for part in (reconstruction, inputs)]
    return jnp.stack(flat, axis=-1)
