"""Muon: momentum whose matrices are made orthogonal, and other optimizers for all that is no matrix."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import optax

from jaxflow.optimizers.base import AnyOptimizer, Optimizer
from jaxflow.optimizers.sgd import SGD
from jaxflow.ranges import BelowOne, Count, NonNegative

# The quintic a x + b x^3 + c x^5, as steep at 0 as can be. It does not converge to 1, but takes almost every singular
# value to about 0.7 to 1.2 in few steps.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class Muon(Optimizer):
    """Momentum orthogonalised by Newton-Schulz iterations, for kernels of two or more axes; others for the rest.

    A convolution's kernel counts as the matrix (window * channel, feature). Clipping and weight decay are those of the
    kernels; the optimizers of the other parameters have their own.

    Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """

    learning_rate: NonNegative = 0.02
    """Highest learning rate of the schedule."""
    momentum: BelowOne = 0.95
    """Fraction of the last update that is kept."""
    nesterov: bool = True
    """Looks ahead along the momentum."""
    newton_schulz_steps: Count = 5
    """Iterations that make the update orthogonal."""
    fixed_norm: bool = False
    """Brings each kernel to the norm sqrt(features) before it moves, so that a step is a turn and never a growth."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Dtype of the iterations."""
    matrix_optimizer: AnyOptimizer | None = None
    """Optimizer of the kernels of two axes, such as a classifier's head; None leaves them to Muon."""
    default_optimizer: AnyOptimizer = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    """Optimizer of biases, norms and scalars."""

    decoupled: ClassVar[bool] = True
    momentum_field: ClassVar[str | None] = "momentum"

    def direction(self) -> optax.GradientTransformation:
        """Builds the update of the kernels before the learning rate."""

        def orthogonal(leaf: jax.Array) -> jax.Array:
            return orthogonalize(leaf, self.newton_schulz_steps, self.dtype) * _shape_factor(leaf)

        return optax.chain(
            optax.trace(self.momentum, self.nesterov),
            optax.stateless(lambda updates, _: jax.tree.map(orthogonal, updates)),
            self.decay_weights(),
        )

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation, each parameter by its own optimizer."""
        muon = super().transformation(total_steps)
        optimizers: dict[Hashable, optax.GradientTransformation] = {
            "muon": optax.chain(muon, _to_fixed_norm()) if self.fixed_norm else muon,
            "others": self.default_optimizer.transformation(total_steps),
        }
        if self.matrix_optimizer is not None:
            optimizers["matrices"] = self.matrix_optimizer.transformation(total_steps)

        def owner(leaf: jax.Array) -> str:
            if leaf.ndim < 2:
                return "others"
            return "matrices" if leaf.ndim == 2 and self.matrix_optimizer is not None else "muon"

        return optax.partition(optimizers, lambda params: jax.tree.map(owner, params))


def orthogonalize(
    kernel: jax.Array, steps: int = 5, dtype: Literal["float32", "bfloat16"] = "float32", epsilon: float = 1e-7
) -> jax.Array:
    """Moves a matrix U S V^T near U V^T by Newton-Schulz iterations.

    Args:
      kernel: (..., features); all axes but the last are one.
      steps: number of iterations.
      dtype: dtype of the iterations.
      epsilon: added to the norm, against division by 0.

    Returns:
      Array like `kernel`, with singular values of about 1.

    Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """
    a, b, c = COEFFICIENTS
    matrix = kernel.reshape(-1, kernel.shape[-1])  # (window * channel, feature)
    wide = matrix.shape[0] <= matrix.shape[1]
    # The products are then of the smaller side.
    x = matrix if wide else matrix.T
    x = (x / (jnp.linalg.norm(x) + epsilon)).astype(dtype)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x if wide else x.T).reshape(kernel.shape).astype(kernel.dtype)


def _shape_factor(kernel: jax.Array) -> float:
    """Lengthens the update of a matrix with more features than inputs by the root of their ratio, as Jordan does."""
    return math.sqrt(max(1.0, kernel.shape[-1] ** 2 / kernel.size))


def _to_fixed_norm() -> optax.GradientTransformation:
    """Adds to each update what brings its kernel to the norm sqrt(features) beforehand."""

    def add(update: jax.Array, kernel: jax.Array) -> jax.Array:
        return update + kernel * (math.sqrt(kernel.shape[-1]) / jnp.linalg.norm(kernel) - 1)

    return optax.stateless(lambda updates, params: jax.tree.map(add, updates, params))
