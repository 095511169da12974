"""Attention, the blocks of transformers, and the cache by which they continue a text."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.models.layers.activations import Activation, activation
from jaxflow.models.layers.dense import Dense
from jaxflow.models.layers.dropout import Dropout, StochasticDepth
from jaxflow.models.layers.dtypes import Dtype
from jaxflow.models.layers.initializers import KernelInit
from jaxflow.models.layers.norms import LayerNorm

ROTARY_BASE = 10_000.0
# The collection that attention weights are written to, where a caller makes it mutable.
ATTENTION = "attention"


def rotate(vectors: jax.Array, positions: jax.Array) -> jax.Array:
    """Rotates pairs of elements by angles that grow with the position, so that products depend on distances alone.

    Args:
      vectors: (batch, time, head, dim), dim even: queries or keys.
      positions: (batch, time) or (1, time) integers.

    Returns:
      Array like `vectors`.

    Source: J. Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021.
    """
    half = vectors.shape[-1] // 2
    frequencies = ROTARY_BASE ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = positions[:, :, None, None] * frequencies[None, None, None]  # (batch, time, 1, dim / 2)
    sin, cos = jnp.sin(angles).astype(vectors.dtype), jnp.cos(angles).astype(vectors.dtype)
    one, other = jnp.split(vectors, 2, axis=-1)
    return jnp.concatenate([one * cos - other * sin, one * sin + other * cos], axis=-1)


def attention_weights(
    queries: jax.Array, keys: jax.Array, mask: jax.Array | None = None, causal: bool = False
) -> jax.Array:
    """Returns softmax(Q K^T / sqrt(d)), the weights by which `jax.nn.dot_product_attention` adds up values.

    Args:
      queries: (batch, query, head, dim).
      keys: (batch, key, head, dim).
      mask: booleans that broadcast to (batch, head, query, key), which keys a query sees; None for all.
      causal: whether a query sees the keys up to its own position alone.

    Returns:
      (batch, head, query, key) float32.

    Source: A. Vaswani et al., Attention Is All You Need, NeurIPS 2017 (equation 1).
    """
    products = jnp.einsum("bqhd,bkhd->bhqk", queries, keys).astype(jnp.float32)
    seen = jnp.ones((1, 1, *products.shape[2:]), bool) if mask is None else mask
    if causal:
        seen &= jnp.tril(jnp.ones(products.shape[2:], bool))[None, None]
    # A row that sees nothing has equal weights, as it has there: minus infinity would make it NaN.
    return jax.nn.softmax(jnp.where(seen, products / queries.shape[-1] ** 0.5, jnp.finfo(jnp.float32).min), axis=-1)


class Attention(nn.Module):
    """Multi-head self-attention.

    Source: A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

    heads: int
    """Number of heads, which divide the width."""
    causal: bool = False
    """Whether a position sees itself and those before it alone."""
    rotary: bool = False
    """Whether queries and keys are turned by their positions."""
    context: int | None = None
    """Most tokens of a text that is continued from a cache."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(
        self, inputs: jax.Array, present: jax.Array | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        batch, time, width = inputs.shape
        if width % self.heads or (self.rotary and width // self.heads % 2):
            kind = "even " if self.rotary else ""
            raise UserError(
                f"a width of {width} has no {kind}part for each of {self.heads} heads; take a width that is a multiple "
                f"of {self.heads * (2 if self.rotary else 1)}, or other heads"
            )
        x = Dense(3 * width, self.dtype, self.kernel_init)(inputs).reshape(batch, time, 3, self.heads, -1)
        queries, keys, values = x[:, :, 0], x[:, :, 1], x[:, :, 2]  # (batch, time, head, dim) each
        if lengths is not None:
            x = self._continue(queries, keys, values, lengths)
        else:
            if self.rotary:
                positions = jnp.arange(time)[None]
                queries, keys = rotate(queries, positions), rotate(keys, positions)
            mask = None if present is None else present[:, None, None, :]  # (batch, 1, 1, key)
            if self.is_mutable_collection(ATTENTION) and not self.is_initializing():  # else they cost nothing
                self.sow(ATTENTION, "weights", attention_weights(queries, keys, mask, self.causal))
            x = jax.nn.dot_product_attention(queries, keys, values, mask=mask, is_causal=self.causal)
        return Dense(width, self.dtype, self.kernel_init)(x.reshape(batch, time, width))

    def _continue(self, queries: jax.Array, keys: jax.Array, values: jax.Array, lengths: jax.Array) -> jax.Array:
        """Attends to what is cached and to what comes now, and caches the latter; NaN beyond the context."""
        batch, time, heads, dim = keys.shape
        shape = (batch, self.context, heads, dim)
        cached_keys = self.variable("cache", "keys", jnp.zeros, shape, keys.dtype)
        cached_values = self.variable("cache", "values", jnp.zeros, shape, values.dtype)
        count = self.variable("cache", "count", jnp.zeros, (batch,), jnp.int32)
        positions = count.value[:, None] + jnp.arange(time)[None]  # (batch, time)
        queries, keys = (rotate(x, positions) if self.rotary else x for x in (queries, keys))
        # What follows a text's end is written too, and seen by no one: the next tokens come to lie there first.
        rows = jnp.arange(batch)[:, None]
        cached_keys.value = cached_keys.value.at[rows, positions].set(keys, mode="drop")
        cached_values.value = cached_values.value.at[rows, positions].set(values, mode="drop")
        count.value += lengths
        mask = jnp.arange(shape[1])[None, None] <= positions[:, :, None]  # (batch, time, context)
        x = jax.nn.dot_product_attention(queries, cached_keys.value, cached_values.value, mask=mask[:, None])
        return jnp.where((positions < shape[1])[..., None, None], x, jnp.nan)


class TransformerBlock(nn.Module):
    """Attention, then two fully connected layers at each position, both normalised before and added to their inputs."""

    heads: int
    """Number of heads."""
    hidden: int
    """Width of the first fully connected layer."""
    dropout: float = 0.0
    """Dropout rate of what is added."""
    stochastic_depth: float = 0.0
    """Probability, for each row, that one of the two is left out."""
    causal: bool = False
    """As in Attention."""
    rotary: bool = False
    """As in Attention."""
    context: int | None = None
    """As in Attention."""
    activation: Activation = "gelu"
    """Activation between the fully connected layers."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""

    @nn.compact
    def __call__(
        self, inputs: jax.Array, train: bool, present: jax.Array | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        def branch(x: jax.Array) -> jax.Array:
            return StochasticDepth(self.stochastic_depth)(Dropout(self.dropout)(x, train), train)

        width = inputs.shape[-1]
        attention = Attention(self.heads, self.causal, self.rotary, self.context, self.kernel_init, self.dtype)
        x = inputs + branch(attention(LayerNorm(dtype=self.dtype)(inputs), present, lengths))
        y = Dense(self.hidden, self.dtype, self.kernel_init)(LayerNorm(dtype=self.dtype)(x))
        return x + branch(Dense(width, self.dtype, self.kernel_init)(activation(self.activation)(y)))


def transformer_blocks(
    layers: int,
    x: jax.Array,
    train: bool,
    present: jax.Array | None = None,
    lengths: jax.Array | None = None,
    *,
    stochastic_depth: float,
    remat: bool,
    **fields: object,
) -> jax.Array:
    """Applies blocks one after the other, inside a model's compact `__call__`.

    Args:
      layers: number of blocks.
      x: (batch, time, width).
      train: whether dropout and stochastic depth are active.
      present: (batch, time) booleans, which positions are seen; None for all.
      lengths: where a text is continued, as in `decode`.
      stochastic_depth: probability that the last block's branches are left out; it grows linearly from 0 at the first.
      remat: whether a block is computed again for its gradient, which takes less memory and more time.
      **fields: the other fields of `TransformerBlock`.

    Returns:
      (batch, time, width).
    """
    block = nn.remat(TransformerBlock, static_argnums=(2,)) if remat else TransformerBlock
    for layer in range(layers):
        rate = stochastic_depth * (layer / (layers - 1)) if layer else 0.0
        x = block(**fields, stochastic_depth=rate, name=f"TransformerBlock_{layer}")(x, train, present, lengths)
    return x
