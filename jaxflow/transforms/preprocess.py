"""Transforms of the inputs that are part of the model's program: they run inside train, eval and predict steps.

A transform is a frozen dataclass with two functions: `fit(inputs) -> fitted` runs once on the host, over the training
split alone, and returns plain lists of numbers that travel with every checkpoint; `__call__(fitted, inputs)` runs on
the device. What `fit` gets has a shape and a dtype and is iterated in pieces, any number of times: `for piece in
inputs`.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxflow.errors import UserError
from jaxflow.interfaces import Transform
from jaxflow.ranges import Finite, Positive, check_ranges
from jaxflow.schema import Feature, Features, Split

# Bounds of a piece: examples, and elements.
MAX_EXAMPLES, MAX_NUMBERS = 4096, 1 << 24


@dataclass(frozen=True, eq=False)
class Inputs:
    """A split's inputs as transforms are fitted to them: read in pieces, since all of them may not fit into memory.

    Attributes:
      split: the training split.
      feature: what its raw inputs are.
      abstract: shape and dtype of what the transforms before this one return, (examples, ...); a dict of such where an
        example has several inputs.
      transform: those transforms: (examples, ...) raw inputs -> inputs.
    """

    split: Split
    feature: Feature
    abstract: Any
    transform: Callable[[Any], Any] = lambda raw: raw

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the inputs, (examples, ...), where they are one array."""
        return self.abstract.shape

    @property
    def dtype(self) -> np.dtype:
        """Dtype of the inputs, where they are one array."""
        return np.dtype(self.abstract.dtype)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields the inputs in order, some examples at once: (examples, ...)."""
        numbers = sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(self.abstract))
        count = min(max(MAX_NUMBERS // numbers, 1), MAX_EXAMPLES)
        for first in range(0, len(self.split), count):
            chosen = np.arange(first, min(first + count, len(self.split)))
            yield self.transform(self.split.rows(chosen)["inputs"])

    def after(self, transform: Transform, fitted: Any) -> "Inputs":
        """Returns the inputs as they are after one more transform, which is fitted."""
        compiled, before = jax.jit(partial(transform, fitted)), self.transform  # constants, as in a step
        return dataclasses.replace(
            self,
            abstract=jax.eval_shape(compiled, self.abstract),
            transform=lambda raw: jax.tree.map(np.asarray, compiled(before(raw))),
        )


def inputs_of(split: Split, feature: Feature) -> Inputs:
    """Returns the raw inputs of a split, for `fit`."""
    return Inputs(split, feature, abstract_inputs(feature, len(split)))


def abstract_inputs(feature: Feature, count: int) -> Any:
    """Returns shape and dtype of `count` raw inputs, (count, ...); of several inputs a dict of these."""
    if isinstance(feature, Features):
        return {name: abstract_inputs(part, count) for name, part in feature.parts}
    return jax.ShapeDtypeStruct((count, *feature.shape), feature.dtype)


@dataclass(frozen=True)
class Scale:
    """Maps the range of the input's integer dtype (uint8: 0 to 255) to [low, high]; floats count as in [0, 1]."""

    low: Finite = 0.0
    """What the smallest value becomes."""
    high: Finite = 1.0
    """What the largest value becomes."""

    __post_init__ = check_ranges

    def fit(self, inputs: Inputs) -> list[float]:
        """Returns the range of the dtype: nothing depends on the data."""
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

    epsilon: Positive = 1e-6
    """Smallest standard deviation that is divided by; a constant column becomes 0."""

    __post_init__ = check_ranges

    def fit(self, inputs: Inputs) -> dict[str, list[float]]:
        """Measures mean and standard deviation over all axes but the last."""
        total, squares, count = np.zeros(()), np.zeros(()), 0
        for examples in inputs:
            piece = examples.reshape(-1, examples.shape[-1]).astype(np.float64)  # (pixel, channel)
            total, count = total + piece.sum(0), count + len(piece)
            squares = squares + np.square(piece, out=piece).sum(0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return {"mean": mean.tolist(), "std": deviation.tolist()}

    def __call__(self, fitted: dict[str, list[float]], inputs: jax.Array) -> jax.Array:
        """Standardises (..., channel) inputs to float32."""
        mean, std = jnp.array(fitted["mean"], jnp.float32), jnp.array(fitted["std"], jnp.float32)
        mean, std = (lax.broadcast_to_rank(row, inputs.ndim) for row in (mean, jnp.maximum(std, self.epsilon)))
        return (inputs.astype(jnp.float32) - mean) / std


@dataclass(frozen=True)
class StandardizePerExample:
    """Subtracts each example's mean and divides by its standard deviation, for each channel; a waveform has one.

    For scans whose units differ from file to file, and recordings that are not equally loud.
    """

    epsilon: Positive = 1e-6
    """Smallest standard deviation that is divided by; a constant example becomes 0."""

    __post_init__ = check_ranges

    def fit(self, inputs: Inputs) -> list[float]:
        """Returns an empty list: nothing depends on the data."""
        return []

    def __call__(self, fitted: Sequence[float], inputs: jax.Array) -> jax.Array:
        """Standardises (batch, *spatial, channel) inputs, or (batch, samples) waveforms, to float32."""
        inputs = inputs.astype(jnp.float32)
        positions = tuple(range(1, max(inputs.ndim - 1, 2)))
        # Shifted first: squares of large numbers would leave no digits for their differences.
        inputs = inputs - inputs.mean(positions, keepdims=True)
        return inputs / jnp.maximum(jnp.sqrt(jnp.square(inputs).mean(positions, keepdims=True)), self.epsilon)


def fit(transforms: Sequence[Transform], split: Split, feature: Feature) -> list[Any]:
    """Fits transforms one after the other, each to the outputs of those before it.

    Args:
      transforms: an experiment's `preprocess`.
      split: the training split; read in pieces, once for each transform that reads more than the dtype.
      feature: what its inputs are.

    Returns:
      One JSON-able value for each transform.

    Raises:
      UserError: the inputs are integers and there is no transform, or a transform takes no dict of inputs.
    """
    inputs, fitted = inputs_of(split, feature), []
    for position, transform in enumerate(transforms):
        if position:
            inputs = inputs.after(transforms[position - 1], fitted[-1])
        try:
            fitted.append(transform.fit(inputs))
        except (AttributeError, TypeError) as error:
            if not isinstance(feature, Features):
                raise
            names, name = ", ".join(name for name, _ in feature.parts), type(transform).__name__
            raise UserError(
                f"preprocess {name} fails on several inputs ({names}), which are a dict of arrays: {error}; write a "
                "transform of your own for them"
            ) from error
    if not transforms and feature.kind not in ("tokens", "several") and np.issubdtype(inputs.dtype, np.integer):
        raise UserError(
            f"inputs are {inputs.dtype} and nothing scales them; add preprocess=(Scale(0.0, 1.0),) to the experiment"
        )
    return fitted


def apply(transforms: Sequence[Transform], fitted: Sequence[Any], inputs: jax.Array) -> jax.Array:
    """Runs fitted transforms in order, on the device."""
    for transform, values in zip(transforms, fitted):
        inputs = transform(values, inputs)
    return inputs
