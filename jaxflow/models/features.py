"""Embeddings: what a trained model's layers compute, by the name of a layer."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError


def make_feature_step(
    model: nn.Module, *, transform: Callable[[Any], Any] = lambda inputs: inputs, name: str = "features"
) -> Callable[[Any, Any], jax.Array]:
    """Returns the function that embeds one batch.

    Args:
      model: Linen module called as model(inputs, train), with output width filled in.
      transform: preprocessing of the inputs.
      name: of the layer, as the model sows it: `self.sow("intermediates", name, x)`. "features" is the layer before the
        head of every model of jaxflow.

    Returns:
      step(variables, inputs) -> (batch, width) float32 features, ready for jit. Where a model has an output at each
      pixel or token they are the mean over these.

    Raises:
      UserError: the step raises it if the model sows no layer of that name.
    """

    def step(variables: Mapping[str, Any], inputs: Any) -> jax.Array:
        _, sown = model.apply(variables, transform(inputs), train=False, mutable=["intermediates"])
        named = {key: value for key, value in sown.get("intermediates", {}).items() if isinstance(value, tuple)}
        if name not in named:
            raise UserError(
                f"model {type(model).__name__} has no layer named {name!r} (named are {', '.join(named) or 'none'}); "
                f'name it in __call__: self.sow("intermediates", "{name}", x)'
            )
        features = named[name][-1].astype(jnp.float32)
        return features.reshape(len(features), -1, features.shape[-1]).mean(axis=1)  # (batch, position, width)

    return step
