"""Learning-rate schedules as values.

They are factors of `learning_rate`, in plain jnp: hyperparameters are arguments of the compiled program, so all of them
may be traced.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.hyperparameters import HYPERPARAMETER
from jaxflow.ranges import BelowOne, Fraction, NonNegative, Range, Whole, check_ranges

WARMUPS = ("warmup_steps", "warmup_epochs", "warmup_fraction")
Inside = Annotated[float, Range(0, 1, without=(0, 1))]


@dataclass(frozen=True)
class Constant:
    """A constant learning rate, after a linear warm-up where one is asked for."""

    warmup_steps: Whole = field(default=0, metadata=HYPERPARAMETER)
    """Steps over which the learning rate rises linearly from 0."""
    warmup_epochs: NonNegative = field(default=0.0, kw_only=True)
    """The same in epochs, instead of in steps."""
    warmup_fraction: Fraction = field(default=0.0, kw_only=True)
    """The same as a fraction of the whole run, instead of in steps."""

    def __post_init__(self) -> None:
        check_ranges(self)
        given = [f"{name}={getattr(self, name)}" for name in WARMUPS if not _is_off(getattr(self, name))]
        if len(given) > 1:
            raise UserError(f"{type(self).__name__} has {' and '.join(given)}; give one of them")

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


@dataclass(frozen=True)
class Exponential(Constant):
    """A learning rate that is multiplied by the same number at each step."""

    final: Annotated[float, Range(0, 1, without=(0,))] = 0.01
    """Fraction of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        return jnp.asarray(self.final) ** progress


@dataclass(frozen=True)
class WSD(Constant):
    """Warm-up, stable, decay: a constant learning rate that falls along a line at the end.

    Source: S. Hu et al., MiniCPM, COLM 2024.
    """

    decay_fraction: Inside = 0.2
    """Fraction of the steps past warm-up over which it falls."""
    final: Fraction = 0.0
    """Fraction of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        left = jnp.minimum((1 - progress) / self.decay_fraction, 1.0)
        return self.final + (1 - self.final) * left


@dataclass(frozen=True)
class OneCycle:
    """A learning rate that rises along half a cosine and falls along another, to almost nothing.

    Source: L. Smith and N. Topin, Super-Convergence, 2018.
    """

    rise: Inside = 0.3
    """Fraction of the run over which it rises."""
    initial: Fraction = 0.04
    """Fraction of the learning rate that it begins with."""
    final: Fraction = 4e-6
    """Fraction of the learning rate that is left at the end."""
    low_momentum: BelowOne | None = None
    """Momentum, or b1, at the highest learning rate, 0.85 in the source; it falls to this from the optimizer's own as
    the learning rate rises, and rises again as that falls. None keeps the optimizer's own."""

    warmup_steps: ClassVar[int] = 0

    __post_init__ = check_ranges

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps, in [0, 1]."""
        rising = self.initial + (1 - self.initial) * _half_cosine(progress / self.rise)
        falling = 1 - (1 - self.final) * _half_cosine((progress - self.rise) / (1 - self.rise))
        return jnp.where(progress < self.rise, rising, falling)

    def momentum(self, own: Any, progress: jax.Array) -> jax.Array:
        """Returns the momentum after a fraction of the steps, in [0, 1], of an optimizer with that of its own."""
        rising, falling = _half_cosine(progress / self.rise), _half_cosine((1 - progress) / (1 - self.rise))
        height = jnp.where(progress < self.rise, rising, falling)
        low = own if self.low_momentum is None else self.low_momentum
        return own * (1 - height) + low * height


def fix_warmup(schedule: Any, total_steps: int, steps_per_epoch: float | None) -> Any:
    """Returns a schedule whose warm-up is in steps.

    Args:
      schedule: the schedule; one of the user's own may have `warmup_steps` alone.
      total_steps: steps of the whole run.
      steps_per_epoch: how long an epoch is; None if that is not known.

    Raises:
      UserError: the warm-up is in epochs, and how long one is is not known.
    """
    epochs, fraction = (getattr(schedule, name, 0.0) for name in WARMUPS[1:])
    if not _is_off(epochs):
        if steps_per_epoch is None:
            raise UserError("warmup_epochs needs to know how long an epoch is: hand over steps_per_epoch")
        steps = epochs * steps_per_epoch
    elif not _is_off(fraction):
        steps = fraction * total_steps
    else:
        return schedule
    return dataclasses.replace(schedule, warmup_steps=round(steps), warmup_epochs=0.0, warmup_fraction=0.0)


def learning_rate(optimizer: Any, total_steps: int, step: jax.typing.ArrayLike) -> jax.Array:
    """Computes the learning rate of a step.

    Args:
      optimizer: a value with `learning_rate` and `schedule`, whose warm-up is in steps.
      total_steps: steps of the whole run.
      step: number of the step, from 0; may be traced.

    Returns:
      Scalar float32.
    """
    schedule = optimizer.schedule
    step = jnp.asarray(step, jnp.float32)
    # The first step of a warm-up already moves: its factor is 1 / warmup_steps.
    warmup = jnp.minimum((step + 1) * (1.0 / jnp.maximum(schedule.warmup_steps, 1)), 1.0)
    return optimizer.learning_rate * warmup * schedule.factor(progress_of(schedule, total_steps, step))


def progress_of(schedule: Any, total_steps: int, step: jax.typing.ArrayLike) -> jax.Array:
    """Returns the fraction of the steps past warm-up that lie before a step, in [0, 1]; arguments as above."""
    step = jnp.asarray(step, jnp.float32)
    # A product with a reciprocal: so the compiler divides by constants, and traced numbers give the same bits.
    progress = (step - schedule.warmup_steps) * (1.0 / jnp.maximum(total_steps - schedule.warmup_steps, 1))
    return jnp.clip(progress, 0.0, 1.0)


def _half_cosine(position: jax.Array) -> jax.Array:
    """Returns the way from 0 to 1 along half a cosine."""
    return 0.5 * (1 - jnp.cos(jnp.pi * position))


def _is_off(value: Any) -> bool:
    return isinstance(value, int | float) and value == 0
