"""Activation functions as layers."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxflow.models.layers import Activation, activation
from jaxflow.ranges import Fraction, check_ranges


class ActivationLayer:
    """A function of each element by itself."""

    function: ClassVar[Activation]

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return activation(self.function)(inputs)


@dataclass(frozen=True)
class Relu(ActivationLayer):
    """The larger of x and 0."""

    function: ClassVar[Activation] = "relu"


@dataclass(frozen=True)
class LeakyRelu(ActivationLayer):
    """A ReLU that lets a fraction of what is negative through (A. Maas et al., 2013)."""

    slope: Fraction = 0.01
    """The fraction."""

    function: ClassVar[Activation] = "leaky_relu"

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return jax.nn.leaky_relu(inputs, jnp.asarray(self.slope, inputs.dtype))


@dataclass(frozen=True)
class Elu(ActivationLayer):
    """The exponential linear unit (D.-A. Clevert et al., ICLR 2016)."""

    function: ClassVar[Activation] = "elu"


@dataclass(frozen=True)
class Selu(ActivationLayer):
    """The scaled exponential linear unit (G. Klambauer et al., NeurIPS 2017)."""

    function: ClassVar[Activation] = "selu"


@dataclass(frozen=True)
class Gelu(ActivationLayer):
    """The Gaussian error linear unit in its tanh approximation (D. Hendrycks and K. Gimpel, 2016)."""

    function: ClassVar[Activation] = "gelu"


@dataclass(frozen=True)
class Silu(ActivationLayer):
    """The product of x and its sigmoid, also called swish (S. Elfwing et al., 2017)."""

    function: ClassVar[Activation] = "silu"


@dataclass(frozen=True)
class Softplus(ActivationLayer):
    """The logarithm of 1 + e^x."""

    function: ClassVar[Activation] = "softplus"


@dataclass(frozen=True)
class Tanh(ActivationLayer):
    """The hyperbolic tangent."""

    function: ClassVar[Activation] = "tanh"


@dataclass(frozen=True)
class Sigmoid(ActivationLayer):
    """The logistic function."""

    function: ClassVar[Activation] = "sigmoid"
