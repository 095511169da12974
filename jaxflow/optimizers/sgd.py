"""Gradient descent with one learning rate for all weights: plain, with momentum, and by signs alone."""

from dataclasses import dataclass, field
from typing import ClassVar

import optax

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.optimizers.base import Optimizer, is_zero
from jaxflow.ranges import BelowOne, NonNegative


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

    momentum_field: ClassVar[str | None] = "momentum"

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate."""
        if self.nesterov or not is_zero(self.momentum):
            return optax.trace(self.momentum, self.nesterov)
        return optax.identity()


@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of a momentum: X. Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023.

    Every weight moves by the learning rate, which is about a tenth of AdamW's, and weight decay ten times as large.
    """

    learning_rate: NonNegative = 1e-4
    """Highest learning rate of the schedule."""
    weight_decay: NonNegative = 1e-1
    """Fraction of the weights that a step of learning rate 1 takes away; biases and norms are spared."""
    b1: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Decay of the mean gradient in the direction of a step."""
    b2: BelowOne = field(default=0.99, metadata=COMPLEMENT)
    """Decay of the mean gradient that is kept."""

    decoupled: ClassVar[bool] = True
    momentum_field: ClassVar[str | None] = "b1"

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before the learning rate."""
        return optax.chain(optax.scale_by_lion(self.b1, self.b2), self.decay_weights())
