"""Models of two numbers: what they answer all over the plane, and what each of their hidden units does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxflow.models.layers import Dense, activation
from jaxflow.models.mlp import MLP


@dataclass(frozen=True)
class Grid:
    """Points of a plane.

    Attributes:
      across: (columns,) ascending values of the first number.
      up: (rows,) ascending values of the second one.
    """

    across: np.ndarray
    up: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """All points, (rows * columns, 2) float32, row by row."""
        return np.stack(np.meshgrid(self.across, self.up), -1).reshape(-1, 2).astype(np.float32)

    def map(self, function: Callable[[np.ndarray], object]) -> np.ndarray:
        """Returns what a function of (points, 2) returns at each point, (rows, columns, ...)."""
        values = np.asarray(function(self.points))
        return values.reshape(len(self.up), len(self.across), *values.shape[1:])


def grid_around(points: np.ndarray, size: int = 80, margin: float = 0.08) -> Grid:
    """Returns a grid over where points lie.

    Args:
      points: (points, 2), finite.
      size: of the grid, in points of a side.
      margin: that is added on each side, as a fraction of the points' extent.
    """
    low, high = points.min(0), points.max(0)
    extent = np.where(high > low, high - low, 1.0)
    low, high = low - margin * extent, high + margin * extent
    return Grid(np.linspace(low[0], high[0], size), np.linspace(low[1], high[1], size))


def hidden_activations(model: MLP, variables: Mapping[str, Any], inputs: jax.Array) -> Sequence[jax.Array]:
    """Returns what each hidden unit of an MLP answers, (batch, width) float32 of each hidden layer.

    Args:
      model: the network.
      variables: of it.
      inputs: (batch, ...) as it takes them, after preprocessing.
    """

    def is_dense(module: nn.Module, _: str) -> bool:
        return isinstance(module, Dense)

    _, captured = model.apply(variables, inputs, train=False, capture_intermediates=is_dense, mutable=["intermediates"])
    layers: Any = captured["intermediates"]
    sums = [layers[f"Dense_{layer}"]["__call__"][0] for layer in range(len(model.hidden))]
    return [activation(model.activation)(values).astype("float32") for values in sums]
