"""A multilayer perceptron."""

from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, KernelInit, activation, embed_categories
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
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    cardinalities: tuple[Count, ...] | None = None
    """Number of categories of each of the last columns; None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs.reshape(inputs.shape[0], -1)  # (batch, feature)
        x = embed_categories(x, self.cardinalities)
        for width in self.hidden:
            x = activation(self.activation)(Dense(width, self.dtype, self.kernel_init)(x))
            x = Dropout(self.dropout)(x, train)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)
