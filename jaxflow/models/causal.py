"""Causal convolutional networks over tokens and series."""

from dataclasses import field
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Dense, Dropout, Dtype, Embedding, KernelInit, LayerNorm, initializer
from jaxflow.models.layers.sequences import as_vectors
from jaxflow.ranges import BelowOne, Count


def causal_conv(inputs: jax.Array, kernel: jax.Array, dilation: int = 1) -> jax.Array:
    """Convolves a row of vectors so that each output sees its own position and those before it.

    It is lax's own: along one axis that is faster on CPU, too, than products over shifted copies.

    Args:
      inputs: (batch, time, channel).
      kernel: (window, channel, feature); the last of the window lies on the output's own position.
      dilation: distance between two positions of the window.

    Returns:
      (batch, time, feature).
    """
    past = (len(kernel) - 1) * dilation
    layout = ("NWC", "WIO", "NWC")
    return lax.conv_general_dilated(
        inputs, kernel, (1,), [(past, 0)], rhs_dilation=(dilation,), dimension_numbers=layout
    )


def positions_seen(kernel: int, dilations: tuple[int, ...]) -> int:
    """Returns how many positions an output of causal convolutions, one after the other, depends on."""
    return 1 + (kernel - 1) * sum(dilations)


class GatedBlock(nn.Module):
    """A dilated causal convolution with a gate, added to its input."""

    kernel: int
    """Positions that the convolution looks at."""
    dilation: int
    """Distance between two of them."""
    dropout: float
    """Dropout rate before the addition."""
    kernel_init: KernelInit
    """How kernels are drawn."""
    dtype: Dtype
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool, lengths: jax.Array | None = None) -> jax.Array:
        width = inputs.shape[-1]
        x = LayerNorm(dtype=self.dtype)(inputs)
        kernel = self.param("kernel", initializer(self.kernel_init), (self.kernel, width, 2 * width)).astype(self.dtype)
        if lengths is None:
            x = causal_conv(x, kernel, self.dilation)  # (batch, time, 2 * width)
        else:
            x = self._continue(x, kernel, lengths)  # (batch, time, 2 * width)
        bias = self.param("bias", nn.initializers.zeros, (2 * width,)).astype(self.dtype)
        x += lax.broadcast_to_rank(bias, x.ndim)
        value, gate = jnp.split(x, 2, axis=-1)
        x = Dropout(self.dropout)(jnp.tanh(value) * jax.nn.sigmoid(gate), train)
        return inputs + Dense(width, self.dtype, self.kernel_init)(x)

    def _continue(self, x: jax.Array, kernel: jax.Array, lengths: jax.Array) -> jax.Array:
        """Convolves what comes after the cached inputs, and caches the last inputs that the next position needs."""
        batch, time, width = x.shape
        past = (self.kernel - 1) * self.dilation
        # Zeros, as causal_conv pads: nothing comes before the beginning of a text.
        cache = self.variable("cache", "inputs", jnp.zeros, (batch, past, width), x.dtype)
        x = jnp.concatenate([cache.value, x], axis=1)  # (batch, past + time, width)
        cache.value = jax.vmap(lambda row, length: lax.dynamic_slice_in_dim(row, length, past))(x, lengths)
        # Products, not lax's convolution: of a single position they are faster.
        starts = (tap * self.dilation for tap in range(self.kernel))
        return sum(x[:, start : start + time] @ weights for start, weights in zip(starts, kernel))


class CausalCNN(nn.Module):
    """Gated causal convolutions over tokens: the output at a position depends on it and on those before it alone.

    An output sees `receptive_field` tokens. Layer norms before each convolution are not in the source.

    Source: A. van den Oord et al., WaveNet: A Generative Model for Raw Audio, 2016.
    """

    input_kinds: ClassVar[tuple[str, ...]] = ("tokens",)

    width: Count = 128
    """Length of the vector at each position."""
    dilations: tuple[Count, ...] = (1, 2, 4, 8, 16, 32)
    """Distance between two positions that a convolution looks at, one number for each layer."""
    kernel: Count = 2
    """Positions that each convolution looks at."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate in each layer."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @property
    def receptive_field(self) -> int:
        """Number of tokens that an output depends on."""
        return positions_seen(self.kernel, self.dilations)

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False, *, lengths: jax.Array | None = None) -> jax.Array:
        x = Embedding(self.vocab_size, self.width, self.dtype)(inputs)  # (batch, time, width)
        for dilation in self.dilations:
            x = GatedBlock(self.kernel, dilation, self.dropout, self.kernel_init, self.dtype)(x, train, lengths)
        if lengths is not None:
            x = x[jnp.arange(len(x)), lengths - 1]  # (batch, width)
        x = LayerNorm(dtype=self.dtype)(x)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)  # (batch, time, output)

    def decode(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """Continues texts by some tokens each, computing nothing again: what came before lies in the cache.

        The cache is the collection "cache": `model.apply(variables, ..., method="decode", mutable=["cache"])` creates
        it where `variables` has none, at the beginning of the texts, and returns it beside the outputs.

        Args:
          tokens: (batch, time) integer tokens that come after those of the calls before.
          lengths: (batch,) int32, how many of them each text has, 1 or more; what follows is padding.

        Returns:
          (batch, outputs) float32 outputs after each text's last token, those of `model(all tokens)` there.
        """
        return self(tokens, lengths=lengths)


class TCN(nn.Module):
    """Gated causal convolutions over series (time, column) or spectrograms; the last position has the output.

    It sees the last `receptive_field` positions. Where each position has a target, each has an output.

    Source: S. Bai et al., An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
    Modeling, 2018; A. van den Oord et al., WaveNet, 2016, for the gates.
    """

    input_kinds: ClassVar[tuple[str, ...]] = ("series", "audio")

    width: Count = 64
    """Length of the vector at each position."""
    dilations: tuple[Count, ...] = (1, 2, 4, 8)
    """Distance between two positions that a convolution looks at, one number for each layer."""
    kernel: Count = 3
    """Positions that each convolution looks at."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate in each layer."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    per_position: bool | None = None
    """Whether there is an output at each position; None where each has a target."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @property
    def receptive_field(self) -> int:
        """Number of positions that an output depends on."""
        return positions_seen(self.kernel, self.dilations)

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = Dense(self.width, self.dtype, self.kernel_init)(as_vectors(inputs))  # (batch, time, width)
        for dilation in self.dilations:
            x = GatedBlock(self.kernel, dilation, self.dropout, self.kernel_init, self.dtype)(x, train)
        x = LayerNorm(dtype=self.dtype)(x if self.per_position else x[:, -1])
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)
