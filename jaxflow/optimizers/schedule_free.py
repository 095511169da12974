"""Schedule-free optimizers: an average of the weights takes the place of a learning rate that falls.

Gradients are those at a mix of the current weights and their average; evaluation takes the average. Batch statistics
are those of the mix: models with layer, group or RMS norm fit better than with batch norm.

Source: A. Defazio et al., The Road Less Scheduled, NeurIPS 2024.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import jax
import optax

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.optimizers.base import Optimizer, Rate
from jaxflow.ranges import BelowOne, NonNegative, Range


@dataclass(frozen=True)
class ScheduleFreeSGD(Optimizer):
    """Stochastic gradient descent whose weights are averaged, with momentum by the point of the gradient."""

    learning_rate: NonNegative = 1.0
    """Highest learning rate of the schedule: it stays there after a warm-up."""
    weight_decay: NonNegative = 0.0
    """Fraction of the weights that a step of learning rate 1 takes away; biases and norms are spared."""
    b1: Annotated[float, Range(0, 1, without=(0, 1))] = field(default=0.9, metadata=COMPLEMENT)
    """Where gradients are taken: this much of the average, the rest of the current weights."""

    decoupled: ClassVar[bool] = True

    def direction(self) -> optax.GradientTransformation:
        """Builds the update of the current weights before the learning rate."""
        return self.decay_weights()

    def steps(self, rate: Rate) -> tuple[optax.GradientTransformation, ...]:
        """Builds what comes after clipping."""
        return (optax.contrib.schedule_free(optax.chain(*super().steps(rate)), rate, self.b1),)


@dataclass(frozen=True)
class ScheduleFreeAdamW(ScheduleFreeSGD):
    """AdamW without its momentum, whose weights are averaged."""

    learning_rate: NonNegative = 2.5e-3
    """Highest learning rate of the schedule: it stays there after a warm-up."""
    b2: BelowOne = field(default=0.999, metadata=COMPLEMENT)
    """Decay of the mean squared gradient."""
    epsilon: NonNegative = 1e-8
    """Added to the root, against division by 0."""

    def direction(self) -> optax.GradientTransformation:
        """Builds the update of the current weights before the learning rate."""
        scaled = optax.scale_by_rms(self.b2, self.epsilon, eps_in_sqrt=False, bias_correction=True)
        return optax.chain(scaled, self.decay_weights())


def is_schedule_free(optimizer: Any) -> bool:
    """Returns whether an optimizer, or the one that it gives groups of parameters to, averages parameters."""
    name = getattr(optimizer, "name", "")
    inner = getattr(optimizer, "optimizer", None)
    free = isinstance(optimizer, ScheduleFreeSGD) or str(name).startswith("schedule_free")
    return free or (inner is not None and is_schedule_free(inner))


def averaged_params(opt_state: Any, params: Any) -> Any:
    """Returns the parameters that are evaluated: the averages where a schedule-free optimizer has them, else their own.

    Args:
      opt_state: any optimizer's state; those of several optimizers, each of its own parameters, may be in it.
      params: the parameters that it trains, like what is returned.
    """
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(params)):
        return params  # averages have the same shapes
    for state in filter(_is_free_state, jax.tree.leaves(opt_state, is_leaf=_is_free_state)):
        params = _average(state.z, params, state.b1)
    return params


@jax.jit
def _average(z: Any, params: Any, b1: jax.Array) -> Any:
    def average(current: Any, mixed: jax.Array) -> jax.Array:
        # Of parameters of another optimizer there is no z.
        return mixed if isinstance(current, optax.MaskedNode) else (mixed - (1.0 - b1) * current) / b1

    return jax.tree.map(average, z, params, is_leaf=lambda leaf: isinstance(leaf, optax.MaskedNode))


def _is_free_state(state: Any) -> bool:
    return isinstance(state, optax.contrib.ScheduleFreeState)
