"""Transforms of the inputs that are part of the model's program: they run inside train, eval and predict steps.

A transform is a frozen dataclass with two functions: `fit(inputs) -> fitted` runs once on the host, over the training
split alone, and returns plain lists of numbers that travel with every checkpoint; `__call__(fitted, inputs)` runs on
the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError


@dataclass(frozen=True)
class Scale:
    """Maps the range of the input's integer dtype (uint8: 0 to 255) to [low, high]; floats count as in [0, 1]."""

    low: float = 0.0
    """Where the smallest value goes."""
    high: float = 1.0
    """Where the largest value goes."""

    def fit(self, inputs: np.ndarray) -> list[float]:
        """Takes the range from the dtype: nothing depends on the data."""
        if np.issubdtype(inputs.dtype, np.integer):
            return [float(np.iinfo(inputs.dtype).min), float(np.iinfo(inputs.dtype).max)]
        return [0.0, 1.0]

    def __call__(self, fitted: Sequence[float], inputs: jax.Array) -> jax.Array:
        """Scales inputs of any shape to float32."""
        smallest, largest = fitted
        factor = (self.high - self.low) / (largest - smallest)
        return (inputs.astype(jnp.float32) - smallest) * factor + self.low


@dataclass(frozen=True)
class Standardize:
    """Subtracts the training split's mean and divides by its standard deviation, for each channel or column."""

    epsilon: float = 1e-6
    """Smallest standard deviation that is divided by; a constant column stays 0."""

    def fit(self, inputs: np.ndarray) -> dict[str, list[float]]:
        """Measures mean and standard deviation over all axes but the last."""
        total, squares, count = 0.0, 0.0, 0
        for first in range(0, len(inputs), 4096):  # in pieces: float64 of a whole data set may not fit
            piece = inputs[first : first + 4096].reshape(-1, inputs.shape[-1]).astype(np.float64)  # (pixel, channel)
            total, squares, count = total + piece.sum(0), squares + (piece**2).sum(0), count + len(piece)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return {"mean": mean.tolist(), "std": deviation.tolist()}

    def __call__(self, fitted: dict[str, list[float]], inputs: jax.Array) -> jax.Array:
        """Standardises (..., channel) inputs to float32."""
        mean, std = jnp.array(fitted["mean"], jnp.float32), jnp.array(fitted["std"], jnp.float32)
        return (inputs.astype(jnp.float32) - mean) / jnp.maximum(std, self.epsilon)


def fit(transforms: Sequence[Any], inputs: np.ndarray) -> list[Any]:
    """Fits transforms one after the other, each on what the ones before it give.

    Args:
      transforms: an experiment's `preprocess`.
      inputs: the training split's inputs, (examples, ...).

    Returns:
      One JSON-able value for each transform.
    """
    fitted: list[Any] = []
    for position, transform in enumerate(transforms):
        if position:
            inputs = np.asarray(jax.jit(transforms[position - 1].__call__)(fitted[-1], inputs))
        fitted.append(transform.fit(inputs))
    if not transforms and np.issubdtype(inputs.dtype, np.integer):
        raise UserError(
            f"inputs are {inputs.dtype} and nothing scales them; add preprocess=(Scale(0.0, 1.0),) to the experiment"
        )
    return fitted


def apply(transforms: Sequence[Any], fitted: Sequence[Any], inputs: jax.Array) -> jax.Array:
    """Runs fitted transforms in order, on the device."""
    for transform, values in zip(transforms, fitted):
        inputs = transform(values, inputs)
    return inputs
