"""A causal convolutional network over tokens."""

from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import KERNEL_INIT, Dense, Dropout, Dtype, Embedding


def causal_conv(inputs: jax.Array, kernel: jax.Array, dilation: int = 1) -> jax.Array:
    """Convolves a row of vectors so that each output sees its own place and those before it.

    It is lax's own: along one axis that is faster on CPU, too, than products over shifted copies.

    Args:
      inputs: (batch, time, channel).
      kernel: (window, channel, feature); the last of the window lies on the output's own place.
      dilation: places between two of the window.

    Returns:
      (batch, time, feature).
    """
    past = (len(kernel) - 1) * dilation
    layout = ("NWC", "WIO", "NWC")
    return lax.conv_general_dilated(
        inputs, kernel, (1,), [(past, 0)], rhs_dilation=(dilation,), dimension_numbers=layout
    )


class GatedBlock(nn.Module):
    """A dilated causal convolution with a gate, added to what came in."""

    kernel: int
    """Places that the convolution looks at."""
    dilation: int
    """Places between two of them."""
    dropout: float
    """Dropout rate before what is added."""
    dtype: Dtype
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        width = inputs.shape[-1]
        x = nn.LayerNorm(dtype=self.dtype)(inputs)
        kernel = self.param("kernel", KERNEL_INIT, (self.kernel, width, 2 * width))
        x = causal_conv(x, kernel.astype(self.dtype), self.dilation)  # (batch, time, 2 * width)
        x += self.param("bias", nn.initializers.zeros, (2 * width,)).astype(self.dtype)
        value, gate = jnp.split(x, 2, axis=-1)
        x = Dropout(self.dropout)(jnp.tanh(value) * jax.nn.sigmoid(gate), train)
        return inputs + Dense(width, self.dtype)(x)


class CausalCNN(nn.Module):
    """Gated causal convolutions over tokens: what is said of a place depends on it and on those before it alone.

    An output sees `receptive_field` tokens. Layer norms before each convolution are not in the source.

    Source: A. van den Oord et al., WaveNet: A Generative Model for Raw Audio, 2016.
    """

    width: int = 128
    """Length of the vector of each place."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Places between two that a convolution looks at, one number for each layer."""
    kernel: int = 2
    """Places that each convolution looks at."""
    dropout: float = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate in each layer."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    vocab_size: int | None = None
    """How many different tokens there are; None takes it from the data."""
    outputs: int | None = None
    """Output width; None takes it from the problem."""

    @property
    def receptive_field(self) -> int:
        """Counts the tokens that an output depends on."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = Embedding(self.vocab_size, self.width, self.dtype)(inputs)  # (batch, time, width)
        for dilation in self.dilations:
            x = GatedBlock(self.kernel, dilation, self.dropout, self.dtype)(x, train)
        x = nn.LayerNorm(dtype=self.dtype)(x)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)  # (batch, time, output)
