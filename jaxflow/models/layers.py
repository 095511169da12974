"""The layers that the models are built of."""

import math
from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.errors import UserError
from jaxflow.models import ops

Activation = Literal["relu", "gelu", "silu", "tanh"]
Dtype = Literal["float32", "bfloat16", "float16"]

# These never fall, so that max(f(x)) = f(max(x)): pooling may come first, and less remains to be computed.
MONOTONE = ("relu", "tanh")

# Glorot's uniform initialisation, as in Keras, so that the same network trains the same way there and here.
KERNEL_INIT = nn.initializers.glorot_uniform()


def activation(name: Activation) -> Callable[[jax.Array], jax.Array]:
    """Returns the activation function of a name in jax.nn."""
    return getattr(jax.nn, name)


def dropout(inputs: jax.Array, rate: float | jax.Array, key: jax.Array) -> jax.Array:
    """Zeroes elements at random and scales the others, so that the expectation is kept.

    Unlike flax.linen.Dropout it takes a traced rate: the rate is an argument of the compiled program.

    Args:
      inputs: any shape.
      rate: probability that an element is zeroed, in [0, 1).
      key: random key.

    Returns:
      Array like `inputs`.

    Source: N. Srivastava et al., Dropout, JMLR 2014.
    """
    keep = jax.random.bernoulli(key, 1.0 - rate, inputs.shape)
    # A product with the reciprocal: so the compiler divides by constants, and a traced rate gives the same bits.
    return jnp.where(keep, inputs * (1.0 / jnp.asarray(1.0 - rate, inputs.dtype)), 0.0)


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
        outputs = inputs.astype(self.dtype) @ kernel.astype(self.dtype)  # (..., features)
        return outputs + lax.broadcast_to_rank(bias.astype(self.dtype), outputs.ndim)


def dirac(key: jax.Array, shape: tuple[int, ...], dtype: str = "float32") -> jax.Array:
    """Draws a convolution kernel whose first features, as many as there are channels, are the identity.

    Args:
      key: random key.
      shape: (*window, channel, feature).
      dtype: dtype of the kernel.

    Returns:
      The kernel; further features are uniform within +-1 / sqrt(window * channel), as PyTorch's are.

    Source: S. Zagoruyko and N. Komodakis, DiracNets, 2017.
    """
    *window, channels, features = shape
    kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")(key, shape, dtype)
    same = jnp.arange(min(channels, features))
    return kernel.at[..., same].set(0).at[(*(size // 2 for size in window), same, same)].set(1)


CONV_INITS = {
    "glorot": KERNEL_INIT,
    "he": nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    "dirac": dirac,
}


class Conv(nn.Module):
    """A convolution over (batch, *space, channel), max-pooled where asked."""

    features: int
    """Output channels."""
    kernel: int = 3
    """Side of the window."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """VALID shrinks the image by kernel - 1; SAME keeps its size."""
    strides: int = 1
    """Pixels between two windows."""
    pool: int = 1
    """Window of the max-pooling that follows; 1 for none."""
    bias: bool = True
    """Whether a bias is added."""
    kernel_init: Literal["glorot", "he", "dirac"] = "glorot"
    """Initial kernel: Glorot's uniform, He's normal of the fan-out, or the identity."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        window = (self.kernel,) * (inputs.ndim - 2)
        kernel = self.param("kernel", CONV_INITS[self.kernel_init], (*window, inputs.shape[-1], self.features))
        outputs = ops.conv(inputs.astype(self.dtype), kernel.astype(self.dtype), self.strides, self.padding)
        if self.pool > 1:
            # Before the bias: max(x + b) = max(x) + b to the bit, and there is less to add.
            outputs = ops.max_pool(outputs, self.pool)
        if not self.bias:
            return outputs
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)
        return outputs + lax.broadcast_to_rank(bias, outputs.ndim)


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last.

    Statistics are those of one microbatch, or of a device's rows of the batch; running averages are kept in
    the collection "batch_stats" and used when not training.

    Source: S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015.
    """

    momentum: float = 0.9
    """Fraction of the running averages that a step keeps."""
    epsilon: float = 1e-5
    """Added to the variance, against division by 0."""
    scale: Literal["ones", "zeros", "none"] = "ones"
    """Initial value of the trained scale; none for no scale at all."""
    dtype: Dtype = "float32"
    """Dtype of the outputs; statistics are float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        if train and math.prod(inputs.shape[:-1]) == 1:
            raise UserError(
                "batch normalisation has one value to normalise in each channel, the value of a single example, and "
                "would make 0 of it; give each microbatch and each device 2 examples or more (--batch_size, "
                "--microbatch), or take a model without it (for example --model.norm=none)"
            )
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype,
            use_scale=self.scale != "none",
            scale_init=nn.initializers.zeros if self.scale == "zeros" else nn.initializers.ones,
        )(inputs)


class Embedding(nn.Module):
    """A learned vector for each token."""

    vocab_size: int | None
    """Number of different tokens."""
    features: int
    """Length of a vector."""
    dtype: Dtype = "float32"
    """Dtype of the outputs; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        if self.vocab_size is None or not jnp.issubdtype(inputs.dtype, jnp.integer):
            raise ValueError(
                "it takes tokens, as Text and LabelledText give them, and says how many there are in vocab_size=N"
            )
        table = self.param("table", nn.initializers.normal(1.0), (self.vocab_size, self.features))
        return table.astype(self.dtype)[inputs.astype(jnp.int32)]
