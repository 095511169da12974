"""Optimizers as values, and the optax transformation that they describe."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxflow.errors import UserError
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.interfaces import Schedule
from jaxflow.optimizers.schedules import Constant, learning_rate
from jaxflow.ranges import BelowOne, NonNegative, Positive, check_ranges


@dataclass(frozen=True)
class Optimizer:
    """What every optimizer has; one of your own is a subclass with `direction`."""

    learning_rate: NonNegative = 1e-3
    """Highest learning rate of the schedule."""
    schedule: Schedule = Constant()
    """How the learning rate changes: Constant, Cosine, Linear or Step."""
    weight_decay: NonNegative = 0.0
    """L2 penalty: this times the weights is added to their gradient; biases and norms are spared."""
    clip_norm: Positive | None = None
    """Largest global norm of the gradient; None for no clipping."""

    decoupled: ClassVar[bool] = False
    decay_all: ClassVar[bool] = False

    __post_init__ = check_ranges

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate, for example optax.scale_by_lion(self.b1, self.b2)."""
        raise UserError(f"{type(self).__name__} has no direction(); write one that returns an optax transformation")

    def decay_weights(self) -> optax.GradientTransformation:
        """Builds the transformation that adds `weight_decay` times the weights."""
        return optax.add_decayed_weights(self.weight_decay, None if self.decay_all else kernels)

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation: clip, L2 penalty, direction, learning rate."""
        clip = optax.identity() if self.clip_norm is None else optax.clip_by_global_norm(self.clip_norm)
        coupled = not self.decoupled and not _is_zero(self.weight_decay)
        direction = self.direction()
        if not (callable(getattr(direction, "init", None)) and callable(getattr(direction, "update", None))):
            raise UserError(
                f"direction() of {type(self).__name__} returns {direction!r:.60}; return one of optax's transformations"
            )
        return optax.chain(
            clip,
            self.decay_weights() if coupled else optax.identity(),
            direction,
            optax.scale_by_learning_rate(lambda step: learning_rate(self, total_steps, step)),
        )


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum (Sutskever et al., ICML 2013)."""

    learning_rate: NonNegative = 0.1
    """Highest learning rate of the schedule."""
    momentum: BelowOne = 0.0
    """Fraction of the last update that is kept; 0 for plain gradient descent."""
    nesterov: bool = False
    """Looks ahead along the momentum."""
    decay_all: bool = False
    """Whether weight decay spares nothing, biases and norms neither."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        if self.nesterov or not _is_zero(self.momentum):
            return optax.trace(self.momentum, self.nesterov)
        return optax.identity()


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients divided by a running root mean square (Hinton, Neural Networks for Machine Learning, lecture 6e)."""

    decay: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Decay of the mean square."""
    epsilon: NonNegative = 1e-7
    """Added to the root, against division by 0."""
    momentum: BelowOne = 0.0
    """Fraction of the last update that is kept."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        scaled = optax.scale_by_rms(self.decay, self.epsilon, eps_in_sqrt=False)
        return scaled if _is_zero(self.momentum) else optax.chain(scaled, optax.trace(self.momentum))


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: D. Kingma and J. Ba, ICLR 2015."""

    b1: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Decay of the mean gradient."""
    b2: BelowOne = field(default=0.999, metadata=COMPLEMENT)
    """Decay of the mean squared gradient."""
    epsilon: NonNegative = 1e-8
    """Added to the root, against division by 0."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        return optax.scale_by_adam(self.b1, self.b2, self.epsilon)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: I. Loshchilov and F. Hutter, ICLR 2019."""

    weight_decay: NonNegative = 1e-2
    """Fraction of the weights that a step of learning rate 1 takes away; biases and norms are spared."""

    decoupled: ClassVar[bool] = True

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before the learning rate."""
        return optax.chain(super().direction(), self.decay_weights())


def make_optimizer(optimizer: Optimizer, total_steps: int) -> optax.GradientTransformation:
    """Builds the optax transformation that an optimizer describes.

    Args:
      optimizer: one of the optimizers above, or Muon.
      total_steps: steps of the whole run, which schedules are spread over.

    Returns:
      A gradient transformation.
    """
    return optimizer.transformation(total_steps)


def kernels(params: Any) -> Any:
    """Returns which parameters weight decay applies to: those of two or more axes, so no bias and no norm."""
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)


def _is_zero(value: Any) -> bool:
    # A number that is an argument of the program is never 0: what is off is left out of it.
    return isinstance(value, int | float) and value == 0
