"""Transformers: an encoder of sequences, and a causal decoder that writes texts."""

from dataclasses import field
from typing import ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, Embedding, KernelInit, LayerNorm
from jaxflow.models.layers.attention import transformer_blocks
from jaxflow.models.layers.sequences import SEQUENCE_KINDS, as_vectors, is_tokens, mean_over_time, present_tokens
from jaxflow.ranges import BelowOne, Count

# Of embeddings and learned vectors, as in BERT and GPT-2.
STD = 0.02


class TransformerEncoder(nn.Module):
    """Attention of all positions to all, over tokens, series (time, column) or spectrograms.

    An example's output is that of the mean over its positions, or of a class token; where each position has a target,
    each has an output. Token 0 is padding, which nothing attends to and no mean counts. Positions are rotary.

    Source: A. Vaswani et al., Attention Is All You Need, NeurIPS 2017; normalised before each branch, as in R. Xiong et
    al., On Layer Normalization in the Transformer Architecture, ICML 2020; J. Devlin et al., BERT, NAACL 2019, for the
    class token.
    """

    input_kinds: ClassVar[tuple[str, ...]] = SEQUENCE_KINDS
    causal: ClassVar[bool] = False

    layers: Count = 4
    """Number of blocks of attention and fully connected layers."""
    heads: Count = 4
    """Heads of each attention; they divide the width."""
    width: Count = 128
    """Length of the vector at each position."""
    hidden: Count | None = None
    """Width of the fully connected layer in each block; None for 4 * width."""
    pool: Literal["mean", "class"] = "mean"
    """What stands for the whole: the mean over positions, or a learned class token before the first."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate of embeddings and of what each block adds."""
    stochastic_depth: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Probability that what the last block adds is left out of an example; it grows linearly from 0 at the first."""
    activation: Activation = "gelu"
    """Activation between the fully connected layers of a block."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    remat: bool = False
    """Whether blocks are computed again for their gradients: less memory, more time, the same numbers."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    per_position: bool | None = None
    """Whether there is an output at each position; None where each has a target."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        present = None
        if is_tokens(inputs):
            present = present_tokens(inputs)
            x = Embedding(self.vocab_size, self.width, self.dtype, STD)(inputs)  # (batch, time, width)
        else:
            x = Dense(self.width, self.dtype, self.kernel_init)(as_vectors(inputs))  # (batch, time, width)
        by_class = self.pool == "class" and not self.per_position
        if by_class:
            token = self.param("class_token", nn.initializers.normal(STD), (1, 1, self.width)).astype(self.dtype)
            x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, self.width)), x], axis=1)
            present = None if present is None else jnp.pad(present, ((0, 0), (1, 0)), constant_values=True)
        x = transformer_blocks(
            self.layers, Dropout(self.dropout)(x, train), train, present, heads=self.heads,
            hidden=self.hidden or 4 * self.width, dropout=self.dropout, stochastic_depth=self.stochastic_depth,
            rotary=True, activation=self.activation, kernel_init=self.kernel_init, remat=self.remat, dtype=self.dtype,
        )  # fmt: skip
        x = LayerNorm(dtype=self.dtype)(x)
        if not self.per_position:
            x = x[:, 0] if by_class else mean_over_time(x, present)  # (batch, width)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)


class TransformerDecoder(nn.Module):
    """A language model of causal attention: the output at a position depends on it and on those before it alone.

    As GPT-2, but for rotary positions in place of learned ones. With tied weights, width d, L layers and V tokens it
    has V d + L (12 d^2 + 13 d) + 2 d parameters; at GPT-2 small's sizes its 124,439,808 less 1024 learned positions.

    Source: A. Radford et al., Language Models are Unsupervised Multitask Learners, 2019; J. Su et al., RoFormer, 2021;
    O. Press and L. Wolf, Using the Output Embedding to Improve Language Models, EACL 2017, for tied weights.
    """

    input_kinds: ClassVar[tuple[str, ...]] = ("tokens",)
    causal: ClassVar[bool] = True

    layers: Count = 4
    """Number of blocks of attention and fully connected layers."""
    heads: Count = 4
    """Heads of each attention; they divide the width."""
    width: Count = 128
    """Length of the vector at each position."""
    hidden: Count | None = None
    """Width of the fully connected layer in each block; None for 4 * width."""
    tied: bool = True
    """Whether tokens' vectors are the weights of the output layer too."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate of embeddings and of what each block adds."""
    stochastic_depth: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Probability that what the last block adds is left out of an example; it grows linearly from 0 at the first."""
    activation: Activation = "gelu"
    """Activation between the fully connected layers of a block."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    remat: bool = False
    """Whether blocks are computed again for their gradients: less memory, more time, the same numbers."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    context: Count | None = None
    """Most tokens of a text; None takes the window of the data."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False, *, lengths: jax.Array | None = None) -> jax.Array:
        embedding = Embedding(self.vocab_size, self.width, self.dtype, STD)
        x = Dropout(self.dropout)(embedding(inputs), train)  # (batch, time, width)
        self._check_sizes(inputs.shape[1])
        x = transformer_blocks(
            self.layers, x, train, None, lengths, heads=self.heads, hidden=self.hidden or 4 * self.width,
            dropout=self.dropout, stochastic_depth=self.stochastic_depth, causal=True, rotary=True,
            context=self.context, activation=self.activation, kernel_init=self.kernel_init,
            remat=self.remat and lengths is None, dtype=self.dtype,
        )  # fmt: skip
        if lengths is not None:
            x = x[jnp.arange(len(x)), lengths - 1]  # (batch, width)
        x = LayerNorm(dtype=self.dtype)(x)
        self.sow("intermediates", "features", x)
        outputs = embedding.attend(x) if self.tied else Dense(self.outputs, self.dtype, self.kernel_init)(x)
        return outputs.astype(jnp.float32)  # (batch, time, output)

    def decode(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """Continues texts from a cache, as `CausalCNN.decode` does, up to `context` tokens; beyond them it returns NaN.

        Args:
          tokens: (batch, time) integer tokens that come after those of the calls before.
          lengths: (batch,) int32, how many of them each text has, 1 or more; what follows is padding.

        Returns:
          (batch, outputs) float32 outputs after each text's last token, those of `model(all tokens)` there.

        Raises:
          UserError: the model has no context, so that nobody knows how large a cache is.
        """
        if self.context is None:
            raise UserError("a TransformerDecoder that decodes needs context=N, the most tokens of a text")
        return self(tokens, lengths=lengths)

    def _check_sizes(self, time: int) -> None:
        """Raises UserError if texts are too long, or tied weights give other outputs than are needed."""
        if self.context is not None and time > self.context:
            raise UserError(
                f"model.context is {self.context}, and texts have {time} tokens; leave context=None, or shorten them "
                f"(--data.length={self.context})"
            )
        if self.tied and self.outputs not in (None, self.vocab_size):
            raise UserError(
                f"tied weights give an output for each of {self.vocab_size} tokens, and {self.outputs} are needed; "
                "take tied=False"
            )
