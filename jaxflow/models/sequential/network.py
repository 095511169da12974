"""A network of layers, one after the other."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.models.layers import Dtype
from jaxflow.models.sequential.layers.layer import Layer
from jaxflow.models.sequential.layers.steps import plan, run
from jaxflow.ranges import Count


class Sequential(nn.Module):
    """Layers, one after the other: `Sequential((layers.Flatten(), layers.Dense(64), layers.Relu(), layers.Dense()))`.

    Where max-pooling follows a convolution and perhaps an activation that never falls, it is computed first, since that
    is faster: the results are the same.
    """

    layers: tuple[Layer, ...] = ()
    """The layers, from the inputs to the outputs; in the last, features=None takes the problem's outputs."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    vocab_size: Count | None = None
    """Number of different tokens, for Embedding(); None takes it from the data."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        if not self.layers:
            raise UserError("model.layers is empty; give it layers, for example (layers.Flatten(), layers.Dense())")
        steps = plan(self.layers, "layers")
        *others, last = [step.filled(vocab_size=self.vocab_size) for step in steps]
        x = run(others, inputs, train, self.dtype)
        self.sow("intermediates", "features", x)
        x = run([last.filled(features=self.outputs)], x, train, self.dtype)
        if x.shape[-1] != (self.outputs or x.shape[-1]):
            raise UserError(
                f"{last.name}, the last layer, has {x.shape[-1]} outputs, and {self.outputs} are needed; end with "
                "layers.Dense(), which takes the number from the problem"
            )
        return x.astype(jnp.float32)
