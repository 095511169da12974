"""Texts as their tokens' vectors: a model's outputs as a function of what its embedding layer returns."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax

from jaxflow.errors import UserError
from jaxflow.models.layers import Embedding


def token_vectors(model: nn.Module, variables: Mapping[str, Any], tokens: jax.Array) -> jax.Array:
    """Returns what the model's embedding layer makes of tokens.

    Args:
      model: Linen module called as model(tokens, train), with one `Embedding`, or one `nn.Embed`.
      variables: of the model.
      tokens: (batch, time) integers.

    Returns:
      (batch, time, feature).

    Raises:
      UserError: the model has no such layer, or calls it more than once.
    """
    seen: list[jax.Array] = []
    _apply(model, variables, tokens, lambda vectors: seen.append(vectors) or vectors)
    if len(seen) != 1:
        raise UserError(
            f"model {type(model).__name__} embeds tokens {len(seen)} times, and gradients of them need one embedding "
            "layer that is called once; occlusion() needs none"
        )
    return seen[0]


def outputs_of_vectors(
    model: nn.Module, variables: Mapping[str, Any], tokens: jax.Array, vectors: jax.Array
) -> jax.Array:
    """Returns the model's outputs where its embedding layer returns `vectors`, (batch, time, feature).

    Args:
      model: as in `token_vectors`.
      variables: of the model.
      tokens: (batch, time) integers, by which the model still knows what is padding.
      vectors: what stands for them.
    """
    return _apply(model, variables, tokens, lambda _: vectors)


def _apply(
    model: nn.Module, variables: Mapping[str, Any], tokens: jax.Array, instead: Callable[[jax.Array], jax.Array]
) -> Any:
    def intercept(call: Callable[..., Any], args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        vectors = call(*args, **kwargs)
        embeds = isinstance(context.module, Embedding | nn.Embed) and context.method_name == "__call__"
        return instead(vectors) if embeds else vectors

    with nn.intercept_methods(intercept):
        return model.apply(variables, tokens, train=False)
