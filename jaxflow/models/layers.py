"""The layers that the models are made of."""

from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models import ops

Activation = Literal["relu", "gelu", "silu", "tanh"]
Dtype = Literal["float32", "bfloat16", "float16"]

# These never fall, so that max(f(x)) = f(max(x)): pooling may come first, where there is less to compute.
MONOTONE = ("relu", "tanh")

# Glorot's uniform initialisation, as in Keras, so that the same network trains the same way there and here.
KERNEL_INIT = nn.initializers.glorot_uniform()


def activation(name: Activation) -> Callable[[jax.Array], jax.Array]:
    """Looks an activation function up by its name in jax.nn."""
    return getattr(jax.nn, name)


def dropout(inputs: jax.Array, rate: float | jax.Array, key: jax.Array) -> jax.Array:
    """Zeroes elements at random and scales the others, so that the expectation stays.

    Unlike flax.linen.Dropout it takes a traced rate, so runs with different rates can be one vmapped program.

    Args:
      inputs: any shape.
      rate: probability that an element is zeroed, in [0, 1).
      key: random key.

    Returns:
      Array like `inputs`.

    Source: N. Srivastava et al., Dropout, JMLR 2014.
    """
    keep = jax.random.bernoulli(key, 1.0 - rate, inputs.shape)
    return jnp.where(keep, inputs / (1.0 - rate), 0.0).astype(inputs.dtype)


class Dropout(nn.Module):
    """Dropout that is active in training and off otherwise."""

    rate: float
    """Probability that an element is zeroed."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        if isinstance(self.rate, int | float):  # a traced rate has no value to look at
            if not 0 <= self.rate < 1:
                raise ValueError(f"dropout is {self.rate}; it must be in [0, 1)")
            train &= self.rate > 0
        if not train:
            return inputs
        return dropout(inputs, self.rate, self.make_rng("dropout"))


class Dense(nn.Module):
    """A fully connected layer: inputs @ kernel + bias."""

    features: int
    """Output width."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        kernel = self.param("kernel", KERNEL_INIT, (inputs.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return inputs.astype(self.dtype) @ kernel.astype(self.dtype) + bias.astype(self.dtype)


class Conv(nn.Module):
    """A two-dimensional convolution over (batch, height, width, channel), max-pooled where asked."""

    features: int
    """Output channels."""
    kernel: int = 3
    """Height and width of the window."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """VALID shrinks the image by kernel - 1; SAME keeps its size."""
    pool: int = 1
    """Window of the max-pooling that follows; 1 for none."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, inputs.shape[-1], self.features)
        kernel = self.param("kernel", KERNEL_INIT, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        outputs = ops.conv(inputs.astype(self.dtype), kernel.astype(self.dtype), padding=self.padding)
        if self.pool > 1:
            # Before the bias: max(x + b) = max(x) + b to the bit, and there is less to add.
            outputs = ops.max_pool(outputs, self.pool)
        return outputs + bias.astype(self.dtype)


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last.

    Statistics are those of one tile (a device's share of the batch, or a micro-batch); running averages are kept in
    the collection "batch_stats" and used when not training.

    Source: S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015.
    """

    momentum: float = 0.9
    """Share of the running averages that a step keeps."""
    dtype: Dtype = "float32"
    """Dtype of the outputs; statistics are float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        return nn.BatchNorm(use_running_average=not train, momentum=self.momentum, dtype=self.dtype)(inputs)
