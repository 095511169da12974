"""Fully connected layers, and vectors for tokens."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxflow.models.layers.dtypes import Dtype
from jaxflow.models.layers.initializers import KernelInit, initializer

TAKES_TOKENS = "it takes tokens, as Text and LabelledText give them, and says how many there are in vocab_size=N"


class Dense(nn.Module):
    """A fully connected layer: inputs @ kernel + bias."""

    features: int
    """Output width."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the kernel is drawn."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        kernel = self.param("kernel", initializer(self.kernel_init), (inputs.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        outputs = inputs.astype(self.dtype) @ kernel.astype(self.dtype)  # (..., features)
        return outputs + lax.broadcast_to_rank(bias.astype(self.dtype), outputs.ndim)


class Embedding(nn.Module):
    """A learned vector for each token."""

    vocab_size: int | None
    """Number of different tokens."""
    features: int
    """Length of a vector."""
    dtype: Dtype = "float32"
    """Dtype of the outputs; parameters stay float32."""
    std: float = 1.0
    """Standard deviation of the initial vectors' elements."""

    def setup(self) -> None:
        """Builds the table.

        Raises:
          ValueError: nobody says how many tokens there are.
        """
        if self.vocab_size is None:
            raise ValueError(TAKES_TOKENS)
        shape = (self.vocab_size, self.features)
        self.table = self.param("table", nn.initializers.normal(self.std), shape)

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Returns the vectors of integer tokens, (..., features); those of tokens beyond the table are NaN."""
        if not jnp.issubdtype(inputs.dtype, jnp.integer):
            raise ValueError(TAKES_TOKENS)
        # NaN is noticed; JAX's usual indexing would take the last token for those beyond it.
        table, indices = self.table.astype(self.dtype), inputs.astype(jnp.int32)
        return table.at[indices].get(mode="fill", fill_value=jnp.nan)

    def attend(self, vectors: jax.Array) -> jax.Array:
        """Returns the products of (..., features) vectors with those of all tokens, (..., vocab_size)."""
        return vectors.astype(self.dtype) @ self.table.astype(self.dtype).T


class CategoryEmbedding(nn.Module):
    """A learned vector for each category, half as wide as there are categories, at most 50.

    The vectors start near 0; that of a category that training never met is kept, and adds next to nothing.

    Source: C. Guo and F. Berkhahn, Entity Embeddings of Categorical Variables, 2016; the width is fast.ai's rule.
    """

    categories: int
    """Number of categories."""

    @nn.compact
    def __call__(self, indices: jax.Array) -> jax.Array:
        width = min(50, (self.categories + 1) // 2)
        table = self.param("embedding", nn.initializers.normal(0.01), (self.categories, width))
        # An index outside the table gives NaN, which is noticed, and no other category's vector.
        return jnp.take(table, indices.astype(jnp.int32), axis=0, mode="fill", fill_value=jnp.nan)


def embed_categories(inputs: jax.Array, cardinalities: tuple[int, ...] | None) -> jax.Array:
    """Replaces a table's last columns, category indices, by their embeddings, inside a model's compact `__call__`.

    Args:
      inputs: (batch, column).
      cardinalities: number of categories of each of the last columns.

    Returns:
      (batch, feature): the other columns, then the embeddings.
    """
    if not cardinalities:
        return inputs
    numbers, indices = jnp.split(inputs, [inputs.shape[1] - len(cardinalities)], axis=1)
    embedded = [
        CategoryEmbedding(count, name=f"Embedding_{position}")(column)
        for position, (count, column) in enumerate(zip(cardinalities, indices.T))
    ]
    return jnp.concatenate([numbers, *embedded], axis=1)
