"""The steps in which layers are computed."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax

from jaxflow.errors import UserError
from jaxflow.models.layers import is_monotone
from jaxflow.models.sequential.layers.activations import ActivationLayer
from jaxflow.models.sequential.layers.layer import Layer
from jaxflow.models.sequential.layers.shaping import MaxPool
from jaxflow.models.sequential.layers.weighted import Conv


class Step(NamedTuple):
    """A layer of a network, and what is computed with it.

    Attributes:
      name: where the layer is, for errors.
      layer: the layer.
      pool: window of the max-pooling in the same step, of a convolution; 1 for none.
    """

    name: str
    layer: Layer
    pool: int = 1

    def filled(self, **sizes: int | None) -> "Step":
        """Returns the step with the layer's fields that are None and that are named here filled in."""
        new = {field: size for field, size in sizes.items() if getattr(self.layer, field, 0) is None}
        return self._replace(layer=dataclasses.replace(self.layer, **new)) if new else self  # type: ignore[type-var]


def plan(layers: Sequence[Layer], path: str) -> list[Step]:
    """Lists the steps of a network: max-pooling joins the convolution before it, past activations that never fall.

    Args:
      layers: the layers.
      path: dotted name of where they are.
    """
    steps: list[Step] = []
    for position, layer in enumerate(layers):
        name = f"{path}.{position} {type(layer).__name__}"
        before = next((index for index in reversed(range(len(steps))) if not _never_falls(steps[index].layer)), None)
        joins = isinstance(layer, MaxPool) and before is not None
        if joins and isinstance(steps[before].layer, Conv) and steps[before].pool == 1:
            steps[before] = Step(f"{steps[before].name} with {name}", steps[before].layer, layer.window)
        else:
            steps.append(Step(name, layer))
    return steps


def run(steps: Sequence[Step], inputs: jax.Array, train: bool, dtype: str) -> jax.Array:
    """Computes some steps of a network, in its compact `__call__`.

    Args:
      steps: from `plan`.
      inputs: (batch, ...).
      train: whether dropout is active and batch statistics are updated.
      dtype: of the arithmetic.

    Returns:
      (batch, ...), the outputs of the last.

    Raises:
      UserError: a layer does not take what comes from the one before it; it is named by its position.
    """
    x = inputs
    for name, layer, pool in steps:
        if not getattr(layer, "takes_tokens", False):
            x = x.astype(dtype)
        try:
            x = layer(x, train, pool) if isinstance(layer, Conv) else layer(x, train)
        except (UserError, ValueError) as error:
            raise UserError(f"{name}: {error}") from error
    return x


def _never_falls(layer: Layer) -> bool:
    return isinstance(layer, ActivationLayer) and is_monotone(layer.function)
