"""Recurrent networks over tokens, series and spectrograms."""

from dataclasses import field
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Dense, Dropout, Dtype, Embedding, KernelInit
from jaxflow.models.layers.recurrence import Cell, RecurrentLayer
from jaxflow.models.layers.sequences import SEQUENCE_KINDS, as_vectors, is_tokens, present_tokens
from jaxflow.ranges import BelowOne, Count


class Recurrent(nn.Module):
    """Recurrent layers, one above the other; `RNN`, `GRU` and `LSTM` say which cell they have.

    An example's output is that of the last state; where each position has a target, each has an output. Where a text
    has one output, or both directions are seen, token 0 is padding, at which states stay as they are.
    """

    input_kinds: ClassVar[tuple[str, ...]] = SEQUENCE_KINDS
    cell: ClassVar[Cell]

    width: Count = 128
    """Length of a layer's state, and of a token's vector."""
    layers: Count = 1
    """Number of layers."""
    bidirectional: bool = False
    """Whether each layer also goes from the last position to the first; the two states lie side by side."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate of tokens' vectors and of each layer's outputs."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the inputs' kernels and the output's are drawn; those of hidden states are orthogonal, biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    per_position: bool | None = None
    """Whether there is an output at each position; None where each has a target."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @property
    def causal(self) -> bool:
        """Whether the output at a position depends on it and on those before it alone."""
        return not self.bidirectional

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False, *, lengths: jax.Array | None = None) -> jax.Array:
        present, decoding = None, lengths is not None
        if is_tokens(inputs):
            if decoding:
                present = jnp.arange(inputs.shape[1])[None] < lengths[:, None]
            elif self.bidirectional or not self.per_position:
                present = present_tokens(inputs)
            x = Dropout(self.dropout)(Embedding(self.vocab_size, self.width, self.dtype)(inputs), train)
        else:
            x = as_vectors(inputs)
        last = x[:, -1]
        for _ in range(self.layers):
            ways = [RecurrentLayer(self.cell, self.width, False, self.kernel_init, self.dtype)(x, present, decoding)]
            if self.bidirectional:
                ways.append(RecurrentLayer(self.cell, self.width, True, self.kernel_init, self.dtype)(x, present))
            states, lasts = zip(*ways)
            x = Dropout(self.dropout)(jnp.concatenate(states, axis=-1), train)  # (batch, time, width)
            last = jnp.concatenate(lasts, axis=-1)  # (batch, width)
        if not (self.per_position or decoding):
            x = Dropout(self.dropout)(last, train)
        elif decoding:
            x = last
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)

    def decode(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """Continues texts from a cache, as `CausalCNN.decode` does; it holds each layer's state, and is never full.

        Args:
          tokens: (batch, time) integer tokens that come after those of the calls before.
          lengths: (batch,) int32, how many of them each text has, 1 or more; what follows is padding.

        Returns:
          (batch, outputs) float32 outputs after each text's last token, those of `model(all tokens)` there.

        Raises:
          UserError: the model sees what comes after a position, and so continues nothing.
        """
        if self.bidirectional:
            raise UserError("a bidirectional model continues no texts; take bidirectional=False")
        return self(tokens, lengths=lengths)


class RNN(Recurrent):
    """An Elman network: recurrent layers of tanh.

    Source: J. Elman, Finding Structure in Time, Cognitive Science, 1990.
    """

    cell: ClassVar[Cell] = "rnn"


class GRU(Recurrent):
    """Recurrent layers of gated units, with the reset gate after the product, as in cuDNN.

    Source: K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
    """

    cell: ClassVar[Cell] = "gru"


class LSTM(Recurrent):
    """Recurrent layers of long short-term memory; the forget gate's bias begins at 1.

    Source: S. Hochreiter and J. Schmidhuber, Long Short-Term Memory, Neural Computation, 1997; R. Jozefowicz et al., An
    Empirical Exploration of Recurrent Network Architectures, ICML 2015, for the bias.
    """

    cell: ClassVar[Cell] = "lstm"
