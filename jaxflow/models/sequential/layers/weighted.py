"""Layers with kernels: convolutions, fully connected layers, vectors for tokens."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax

from jaxflow.errors import UserError
from jaxflow.models import layers
from jaxflow.models.layers import KernelInit
from jaxflow.models.sequential.layers.layer import dtype_of
from jaxflow.ranges import Count, check_ranges


@dataclass(frozen=True)
class Conv:
    """A convolution over the positions of series, the pixels of images or the voxels of volumes."""

    features: Count | None = None
    """Output channels; None, in the last layer, takes the problem's outputs."""
    kernel: Count = 3
    """Side of the window."""
    padding: Literal["VALID", "SAME"] = "VALID"
    """VALID shrinks the image by kernel - 1; SAME keeps its size."""
    strides: Count = 1
    """Pixels between two windows."""
    bias: bool = True
    """Whether a bias is added."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the kernel is drawn."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool, pool: int = 1) -> jax.Array:
        """Returns (batch, *space, features); the network sets `pool` where max-pooling follows."""
        settings = (self.kernel, self.padding, self.strides, pool, self.bias, self.kernel_init)
        return layers.Conv(_known(self.features, "Conv(32)"), *settings, dtype_of(inputs))(inputs)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer over a vector, or over the vector at each position of a sequence."""

    features: Count | None = None
    """Output width; None, in the last layer, takes the problem's outputs."""
    kernel_init: KernelInit = "glorot_uniform"
    """How the kernel is drawn."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, ..., features)."""
        if inputs.ndim > 3:
            raise UserError(
                f"a fully connected layer takes vectors, and gets {inputs.shape[1:]}; put Flatten() or "
                "GlobalAveragePool() before it, or Conv(kernel=1) in its place"
            )
        return layers.Dense(_known(self.features, "Dense(64)"), dtype_of(inputs), self.kernel_init)(inputs)


@dataclass(frozen=True)
class Embedding:
    """A learned vector for each token."""

    features: Count = 64
    """Length of a vector."""
    vocab_size: Count | None = None
    """Number of different tokens; None takes it from the data."""

    takes_tokens: ClassVar[bool] = True

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns (batch, time, features) vectors of (batch, time) tokens."""
        return layers.Embedding(self.vocab_size, self.features)(inputs)


def _known(features: int | None, example: str) -> int:
    if features is None:
        raise UserError(f"it has no features; the last layer takes the number of outputs, others say it: {example}")
    return features
