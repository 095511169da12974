"""Optimizers that divide each weight's gradient by its size so far: Adagrad, RMSprop, Adam and what grew from it."""

from dataclasses import dataclass, field
from typing import ClassVar

import optax

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.optimizers.base import Optimizer, Rate, is_zero
from jaxflow.ranges import BelowOne, Count, NonNegative, Positive


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares so far: J. Duchi et al., JMLR 12, 2011."""

    learning_rate: NonNegative = 1e-2
    """Highest learning rate of the schedule."""
    initial_sum: NonNegative = 0.1
    """What the sums of squares start from."""
    epsilon: NonNegative = 1e-7
    """Added to the sum, against division by 0."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        return optax.scale_by_rss(self.initial_sum, self.epsilon)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients divided by a running root mean square (Hinton, Neural Networks for Machine Learning, lecture 6e)."""

    decay: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Decay of the mean square."""
    epsilon: NonNegative = 1e-7
    """Added to the root, against division by 0."""
    momentum: BelowOne = 0.0
    """Fraction of the last update that is kept."""

    momentum_field: ClassVar[str | None] = "momentum"

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        scaled = optax.scale_by_rms(self.decay, self.epsilon, eps_in_sqrt=False)
        return scaled if is_zero(self.momentum) else optax.chain(scaled, optax.trace(self.momentum))


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: D. Kingma and J. Ba, ICLR 2015."""

    b1: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Decay of the mean gradient."""
    b2: BelowOne = field(default=0.999, metadata=COMPLEMENT)
    """Decay of the mean squared gradient."""
    epsilon: NonNegative = 1e-8
    """Added to the root, against division by 0."""

    momentum_field: ClassVar[str | None] = "b1"

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        return optax.scale_by_adam(self.b1, self.b2, self.epsilon)


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam that looks ahead along its momentum, as Nesterov does: T. Dozat, ICLR workshop 2016.

    The momentum is b1 from the first step on, as in optax.nadam; PyTorch's grows to it over some hundred steps.
    """

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        return optax.scale_by_adam(self.b1, self.b2, self.epsilon, nesterov=True)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: I. Loshchilov and F. Hutter, ICLR 2019."""

    weight_decay: NonNegative = 1e-2
    """Fraction of the weights that a step of learning rate 1 takes away; biases and norms are spared."""

    decoupled: ClassVar[bool] = True

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before the learning rate."""
        return optax.chain(super().direction(), self.decay_weights())


@dataclass(frozen=True)
class LAMB(AdamW):
    """AdamW whose update of a kernel is as long as the kernel, for large batches: Y. You et al., ICLR 2020."""

    epsilon: NonNegative = 1e-6
    """Added to the root, against division by 0."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before the learning rate."""
        return optax.chain(super().direction(), optax.scale_by_trust_ratio())


@dataclass(frozen=True)
class Adafactor(Optimizer):
    """Adam with the memory of SGD: of a matrix's mean squares the rows' and columns' means alone are kept.

    Updates are relative to the size of the weights, so the learning rate is too.

    Source: N. Shazeer and M. Stern, ICML 2018.
    """

    learning_rate: NonNegative = 1e-2
    """Highest learning rate of the schedule, as a fraction of a parameter's root mean square."""
    weight_decay: NonNegative = 0.0
    """Fraction of the weights that a step takes away, whatever its learning rate; biases and norms are spared."""
    decay_exponent: Positive = 0.8
    """The mean squares of step t decay by 1 - t^-decay_exponent."""
    clip_rms: Positive | None = 1.0
    """Largest root mean square of a parameter's update before the learning rate; None for any."""
    min_factored: Count = 128
    """Parameters are factored if their two longest axes have this many entries."""
    epsilon: NonNegative = 1e-30
    """Added to the squares, against division by 0."""

    decoupled: ClassVar[bool] = True

    def steps(self, rate: Rate) -> tuple[optax.GradientTransformation, ...]:
        """Builds what comes after clipping; the learning rate is in the middle."""
        return (
            optax.scale_by_factored_rms(
                decay_rate=self.decay_exponent, min_dim_size_to_factor=self.min_factored, epsilon=self.epsilon
            ),
            optax.identity() if self.clip_rms is None else optax.clip_by_block_rms(self.clip_rms),
            optax.scale_by_learning_rate(rate, flip_sign=False),
            optax.scale_by_param_block_rms(),
            optax.identity() if is_zero(self.weight_decay) else self.decay_weights(),
            optax.scale(-1),
        )
