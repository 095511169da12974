"""Attention weights of a transformer, which it computes again when it is asked for them and at no other time."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
from flax.traverse_util import flatten_dict

from jaxflow.models.layers.attention import ATTENTION


def attention_maps(model: nn.Module, variables: Mapping[str, Any], inputs: Any) -> dict[str, jax.Array]:
    """Returns how much each position attends to each other one.

    Args:
      model: Linen module called as model(inputs, train), such as TransformerEncoder, TransformerDecoder or ViT.
      variables: of the model.
      inputs: (batch, ...) as the model takes them, after preprocessing.

    Returns:
      By the name of each attention, the first layer first, (batch, head, query, key) float32: the weights of a query
      add up to 1, and are 0 where the query may not look. {} where the model has no attention.
    """
    sown: Any
    _, sown = model.apply(variables, inputs, train=False, mutable=[ATTENTION])
    leaves: dict[Any, Any] = flatten_dict(dict(sown.get(ATTENTION, {})))
    found = {"/".join(path[:-1]): weights[-1] for path, weights in leaves.items()}
    return dict(sorted(found.items(), key=lambda item: _numbers(item[0])))


def _numbers(name: str) -> list[tuple[str, int]]:
    """Returns a key by which Block_10 comes after Block_2."""
    parts = (part.rpartition("_") for part in name.split("/"))
    return [(kind, int(number)) if number.isdigit() else (number, 0) for kind, _, number in parts]
