"""Learning-rate schedules as values.

They are factors of `learning_rate`, in plain jnp: hyperparameters are arguments of the compiled program, so all of them
may be traced.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import HYPERPARAMETER
from jaxflow.ranges import Fraction, NonNegative, Whole, check_ranges


@dataclass(frozen=True)
class Constant:
    """A constant learning rate, after a linear warm-up where one is asked for."""

    warmup_steps: Whole = field(default=0, metadata=HYPERPARAMETER)
    """Steps over which the learning rate rises linearly from 0."""

    __post_init__ = check_ranges

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        return jnp.ones_like(progress)


@dataclass(frozen=True)
class Cosine(Constant):
    """A learning rate that falls along half a cosine. Source: I. Loshchilov and F. Hutter, SGDR, ICLR 2017."""

    final: Fraction = 0.0
    """Fraction of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        return self.final + (1 - self.final) * 0.5 * (1 + jnp.cos(jnp.pi * progress))


@dataclass(frozen=True)
class Linear(Constant):
    """A learning rate that falls along a line."""

    final: Fraction = 0.0
    """Fraction of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        return 1 - (1 - self.final) * progress


@dataclass(frozen=True)
class Step(Constant):
    """A learning rate that is multiplied by `decay` at each of the boundaries."""

    boundaries: tuple[Fraction, ...] = (0.5, 0.75)
    """Where it falls, as fractions of the steps past warm-up."""
    decay: NonNegative = 0.1
    """Factor at each boundary."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        passed = sum((progress >= boundary).astype(jnp.float32) for boundary in self.boundaries)
        return jnp.asarray(self.decay) ** passed


def learning_rate(optimizer: Any, total_steps: int, step: jax.typing.ArrayLike) -> jax.Array:
    """Computes the learning rate of a step.

    Args:
      optimizer: a value with `learning_rate` and `schedule`.
      total_steps: steps of the whole run.
      step: number of the step, from 0; may be traced.

    Returns:
      Scalar float32.
    """
    schedule = optimizer.schedule
    step = jnp.asarray(step, jnp.float32)
    # Products with reciprocals: so the compiler divides by constants, and traced numbers give the same bits.
    progress = (step - schedule.warmup_steps) * (1.0 / jnp.maximum(total_steps - schedule.warmup_steps, 1))
    # The first step of a warm-up already moves: its factor is 1 / warmup_steps.
    warmup = jnp.minimum((step + 1) * (1.0 / jnp.maximum(schedule.warmup_steps, 1)), 1.0)
    return optimizer.learning_rate * warmup * schedule.factor(jnp.clip(progress, 0.0, 1.0))
