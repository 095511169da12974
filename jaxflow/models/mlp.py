"""A multilayer perceptron."""

from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, activation
from jaxflow.ranges import BelowOne, Count


class MLP(nn.Module):
    """Fully connected layers with an activation between them; any input shape is flattened.

    The last columns of the inputs may be category indices; each is embedded, and concatenated with the others.
    """

    hidden: tuple[Count, ...] = (128,)
    """Width of each hidden layer."""
    activation: Activation = "relu"
    """Activation after each hidden layer."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate after each hidden layer."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    cardinalities: tuple[Count, ...] | None = None
    """Number of categories of each of the last columns; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs.reshape(inputs.shape[0], -1)  # (batch, feature)
        if self.cardinalities:
            x, indices = jnp.split(x, [x.shape[1] - len(self.cardinalities)], axis=1)
            embedded = [
                CategoryEmbedding(count, name=f"Embedding_{position}")(column)
                for position, (count, column) in enumerate(zip(self.cardinalities, indices.T))
            ]
            x = jnp.concatenate([x, *embedded], axis=1)
        for width in self.hidden:
            x = activation(self.activation)(Dense(width, self.dtype)(x))
            x = Dropout(self.dropout)(x, train)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)


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
