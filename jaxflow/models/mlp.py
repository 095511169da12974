"""A multilayer perceptron."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, activation


class MLP(nn.Module):
    """Fully connected layers with an activation between them; any input shape is flattened."""

    hidden: tuple[int, ...] = (128,)
    """Width of each hidden layer."""
    activation: Activation = "relu"
    """Activation after each hidden layer."""
    dropout: float = 0.0
    """Dropout rate after each hidden layer."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: int | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        x = inputs.reshape(inputs.shape[0], -1)  # (batch, feature)
        for width in self.hidden:
            x = activation(self.activation)(Dense(width, self.dtype)(x))
            x = Dropout(self.dropout)(x, train)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)
