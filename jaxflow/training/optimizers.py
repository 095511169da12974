"""Optimizers and learning-rate schedules as values, and the optax transformation that they describe.

Schedules are written as factors of `learning_rate`, in plain jnp, so that a traced learning rate works: many runs with
different ones can be a single vmapped program.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxflow.errors import UserError


@dataclass(frozen=True)
class Constant:
    """The learning rate stays, after a linear warm-up where one is asked for."""

    warmup_steps: int = 0
    """Steps over which the learning rate rises linearly from 0."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Gives the factor after a share of the steps past warm-up, in [0, 1]."""
        return jnp.ones_like(progress)


@dataclass(frozen=True)
class Cosine(Constant):
    """The learning rate falls along half a cosine. Source: I. Loshchilov and F. Hutter, SGDR, ICLR 2017."""

    final: float = 0.0
    """Share of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Gives the factor after a share of the steps past warm-up, in [0, 1]."""
        return self.final + (1 - self.final) * 0.5 * (1 + jnp.cos(jnp.pi * progress))


@dataclass(frozen=True)
class Linear(Constant):
    """The learning rate falls along a line."""

    final: float = 0.0
    """Share of the learning rate that is left at the end."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Gives the factor after a share of the steps past warm-up, in [0, 1]."""
        return 1 - (1 - self.final) * progress


@dataclass(frozen=True)
class Step(Constant):
    """The learning rate is multiplied by `decay` at each of the boundaries."""

    boundaries: tuple[float, ...] = (0.5, 0.75)
    """Where it falls, as shares of the steps past warm-up."""
    decay: float = 0.1
    """Factor at each boundary."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Gives the factor after a share of the steps past warm-up, in [0, 1]."""
        passed = sum((progress >= boundary).astype(jnp.float32) for boundary in self.boundaries)
        return jnp.asarray(self.decay) ** passed


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has."""

    learning_rate: float = 1e-3
    """Highest learning rate of the schedule."""
    schedule: Any = Constant()
    """How the learning rate changes: Constant, Cosine, Linear or Step."""
    weight_decay: float = 0.0
    """L2 penalty: this times the weights is added to their gradient; biases and norms are spared."""
    clip_norm: float | None = None
    """Largest global norm of the gradient; None for no clipping."""

    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Checks what is a number; a traced value has none to look at."""
        low = {"learning_rate": 0.0, "weight_decay": 0.0, "clip_norm": 0.0}
        for name, smallest in low.items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not smallest <= value < float("inf"):
                raise UserError(f"optimizer.{name} is {value}; it must be {smallest:g} or more")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum (Sutskever et al., ICML 2013)."""

    learning_rate: float = 0.1
    """Highest learning rate of the schedule."""
    momentum: float = 0.0
    """Share of the last update that goes on; 0 for plain gradient descent."""
    nesterov: bool = False
    """Looks ahead along the momentum."""

    def direction(self) -> optax.GradientTransformation:
        """Makes the update before decay and learning rate."""
        if self.nesterov or not _is_zero(self.momentum):
            return optax.trace(self.momentum, self.nesterov)
        return optax.identity()


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients divided by a running root mean square (Hinton, Neural Networks for Machine Learning, lecture 6e)."""

    decay: float = 0.9
    """Decay of the mean square."""
    epsilon: float = 1e-7
    """Added to the root, against division by 0."""
    momentum: float = 0.0
    """Share of the last update that goes on."""

    def direction(self) -> optax.GradientTransformation:
        """Makes the update before decay and learning rate."""
        scaled = optax.scale_by_rms(self.decay, self.epsilon, eps_in_sqrt=False)
        return scaled if _is_zero(self.momentum) else optax.chain(scaled, optax.trace(self.momentum))


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: D. Kingma and J. Ba, ICLR 2015."""

    b1: float = 0.9
    """Decay of the mean gradient."""
    b2: float = 0.999
    """Decay of the mean squared gradient."""
    epsilon: float = 1e-8
    """Added to the root, against division by 0."""

    def direction(self) -> optax.GradientTransformation:
        """Makes the update before decay and learning rate."""
        return optax.scale_by_adam(self.b1, self.b2, self.epsilon)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: I. Loshchilov and F. Hutter, ICLR 2019."""

    weight_decay: float = 1e-2
    """Share of the weights that a step of learning rate 1 takes away; biases and norms are spared."""

    decoupled: ClassVar[bool] = True

    def direction(self) -> optax.GradientTransformation:
        """Makes the update before the learning rate."""
        return optax.chain(super().direction(), optax.add_decayed_weights(self.weight_decay, kernels))


def learning_rate(optimizer: Any, total_steps: int, step: jax.Array) -> jax.Array:
    """Computes the learning rate of a step.

    Args:
      optimizer: one of the optimizers above.
      total_steps: steps of the whole run.
      step: number of the step, from 0; may be traced.

    Returns:
      Scalar float32.
    """
    schedule = optimizer.schedule
    step = jnp.asarray(step, jnp.float32)
    progress = (step - schedule.warmup_steps) / max(total_steps - schedule.warmup_steps, 1)
    # The first step of a warm-up already moves: its factor is 1 / warmup_steps.
    warmup = jnp.minimum((step + 1) / max(schedule.warmup_steps, 1), 1.0)
    return optimizer.learning_rate * warmup * schedule.factor(jnp.clip(progress, 0.0, 1.0))


def make_optimizer(optimizer: Any, total_steps: int) -> optax.GradientTransformation:
    """Makes the optax transformation: clip, L2 penalty, direction, learning rate.

    Args:
      optimizer: one of the optimizers above.
      total_steps: steps of the whole run, which schedules are spread over.

    Returns:
      A gradient transformation.
    """
    clip = optax.identity() if optimizer.clip_norm is None else optax.clip_by_global_norm(optimizer.clip_norm)
    coupled = not optimizer.decoupled and not _is_zero(optimizer.weight_decay)
    return optax.chain(
        clip,
        optax.add_decayed_weights(optimizer.weight_decay, kernels) if coupled else optax.identity(),
        optimizer.direction(),
        optax.scale_by_learning_rate(lambda step: learning_rate(optimizer, total_steps, step)),
    )


def kernels(params: Any) -> Any:
    """Marks the parameters that weight decay applies to: those of two or more axes, so no bias and no norm."""
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)


def _is_zero(value: Any) -> bool:
    # A traced value is never known to be zero: a population of runs traces it.
    return isinstance(value, int | float) and value == 0
