"""What an optimizer is: a value that describes an optax transformation."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax

from jaxflow.errors import UserError
from jaxflow.interfaces import Schedule
from jaxflow.optimizers.schedules import Constant, OneCycle, fix_warmup, learning_rate, progress_of
from jaxflow.ranges import NonNegative, Positive, check_ranges

AnOptimizer = TypeVar("AnOptimizer", bound="AnyOptimizer")
# Of a step's number, from 0, its learning rate; both are scalars and may be traced.
Rate = Callable[[jax.typing.ArrayLike], jax.Array]


@dataclass(frozen=True)
class AnyOptimizer:
    """What may stand as an experiment's optimizer: an `Optimizer`, optax's own by name, or one for groups."""

    if TYPE_CHECKING:

        @property
        def learning_rate(self) -> float:  # noqa: D102 (in each class)
            ...

        @property
        def schedule(self) -> Schedule:  # noqa: D102
            ...

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation of a run of so many steps."""
        raise NotImplementedError


@dataclass(frozen=True)
class Optimizer(AnyOptimizer):
    """What every optimizer has; one of your own is a subclass with `direction`."""

    learning_rate: NonNegative = 1e-3
    """Highest learning rate of the schedule."""
    schedule: Schedule = Constant()
    """How the learning rate changes over the run."""
    weight_decay: NonNegative = 0.0
    """L2 penalty: this times the weights is added to their gradient; biases and norms are spared."""
    l1: NonNegative = 0.0
    """L1 penalty: this times the signs of the weights is added to their gradient; biases and norms are spared."""
    clip_norm: Positive | None = None
    """Largest global norm of the gradient; None for no clipping."""

    decoupled: ClassVar[bool] = False
    decay_all: ClassVar[bool] = False
    momentum_field: ClassVar[str | None] = None  # what a schedule of the momentum changes

    __post_init__ = check_ranges

    def direction(self) -> optax.GradientTransformation:
        """Builds the update before decay and learning rate, for example optax.scale_by_lion(self.b1, self.b2)."""
        raise UserError(f"{type(self).__name__} has no direction(); write one that returns an optax transformation")

    def decay_weights(self) -> optax.GradientTransformation:
        """Builds the transformation that adds `weight_decay` times the weights."""
        return optax.add_decayed_weights(self.weight_decay, None if self.decay_all else kernels)

    def _penalties(self) -> optax.GradientTransformation:
        """Builds the transformation that adds the gradients of weight_decay / 2 * |w|^2 and of l1 * |w|."""
        coupled = not self.decoupled and not is_zero(self.weight_decay)
        decay = self.decay_weights() if coupled else optax.identity()
        return decay if is_zero(self.l1) else optax.chain(decay, _add_signs(self.l1, self.decay_all))

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation: clip, penalties, direction, learning rate."""
        clip = optax.identity() if self.clip_norm is None else optax.clip_by_global_norm(self.clip_norm)
        rate = partial(learning_rate, self, total_steps)
        if isinstance(self.schedule, OneCycle) and self.schedule.low_momentum is not None:
            steps = (_cycling_momentum(self, self.schedule, total_steps, rate),)
        else:
            steps = self.steps(rate)
        return optax.chain(clip, self._penalties(), *steps)

    def steps(self, rate: Rate) -> tuple[optax.GradientTransformation, ...]:
        """Builds what comes after clipping and the penalties: the direction, then the learning rate."""
        direction = self.direction()
        if not (callable(getattr(direction, "init", None)) and callable(getattr(direction, "update", None))):
            raise UserError(
                f"direction() of {type(self).__name__} returns {direction!r:.60}; return one of optax's transformations"
            )
        return direction, optax.scale_by_learning_rate(rate)


def make_optimizer(
    optimizer: AnyOptimizer, total_steps: int, steps_per_epoch: float | None = None
) -> optax.GradientTransformation:
    """Builds the optax transformation that an optimizer describes.

    Args:
      optimizer: one of jaxflow's optimizers.
      total_steps: steps of the whole run, which schedules are spread over.
      steps_per_epoch: how long an epoch is, for a warm-up that is given in epochs.

    Returns:
      A gradient transformation.
    """
    return fixed_warmup(optimizer, total_steps, steps_per_epoch).transformation(total_steps)


def fixed_warmup(optimizer: AnOptimizer, total_steps: int, steps_per_epoch: float | None = None) -> AnOptimizer:
    """Returns an optimizer whose warm-up, and that of the optimizers in it, is in steps; arguments as above."""

    def fix(part: Any) -> Any:
        return dataclasses.replace(part, schedule=fix_warmup(part.schedule, total_steps, steps_per_epoch))

    return _mapped(optimizer, fix)


def scaled(optimizer: AnOptimizer, factor: Any) -> AnOptimizer:
    """Returns an optimizer whose learning rate, and that of the optimizers in it, is multiplied by a factor."""
    return _mapped(optimizer, lambda part: dataclasses.replace(part, learning_rate=part.learning_rate * factor))


def _mapped(optimizer: Any, change: Callable[[Any], Any]) -> Any:
    """Changes an optimizer, where it has a learning rate of its own, and the optimizers in its fields."""
    fields = {field.name: getattr(optimizer, field.name) for field in dataclasses.fields(optimizer)}
    inner = {name: _mapped(part, change) for name, part in fields.items() if isinstance(part, AnyOptimizer)}
    optimizer = dataclasses.replace(optimizer, **inner) if inner else optimizer
    return change(optimizer) if "learning_rate" in fields else optimizer


def kernels(params: Any) -> Any:
    """Returns which parameters weight decay applies to: those of two or more axes, so no bias and no norm."""
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)


def is_zero(value: Any) -> bool:
    """Returns whether a number is off. One that is an argument of the program is never: what is off is left out."""
    return isinstance(value, int | float) and value == 0


class _Cycling(NamedTuple):
    """State of a momentum that changes: the number of the step, and the state of what has the momentum."""

    step: jax.Array
    inner: optax.OptState


def _cycling_momentum(
    optimizer: Optimizer, schedule: OneCycle, total_steps: int, rate: Rate
) -> optax.GradientTransformation:
    """Builds the steps of an optimizer whose momentum its schedule changes from step to step.

    They are built anew in each update, with that step's momentum: no optimizer need know of it.
    """
    name = optimizer.momentum_field
    if name is None or is_zero(getattr(optimizer, name)):
        lacks = "has no momentum" if name is None else f"has {name}=0"
        raise UserError(
            f"OneCycle.low_momentum is {schedule.low_momentum}, and {type(optimizer).__name__} {lacks}; leave "
            "low_momentum=None, or take an optimizer with momentum, such as SGD(momentum=0.95) or AdamW(b1=0.95)"
        )

    def steps_at(step: jax.Array) -> optax.GradientTransformation:
        momentum = schedule.momentum(getattr(optimizer, name), progress_of(schedule, total_steps, step))
        return optax.chain(*dataclasses.replace(optimizer, **{name: momentum}).steps(rate))

    def init(params: Any) -> _Cycling:
        first = jnp.zeros((), jnp.int32)
        return _Cycling(first, steps_at(first).init(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, _Cycling]:
        updates, inner = steps_at(state.step).update(updates, state.inner, params)
        return updates, _Cycling(state.step + 1, inner)

    return optax.GradientTransformation(init, update)


def _add_signs(factor: Any, of_all: bool) -> optax.GradientTransformation:
    """Builds the transformation that adds a factor times the signs of the weights."""

    def add(updates: Any, params: Any) -> Any:
        return jax.tree.map(lambda update, weights: update + factor * jnp.sign(weights), updates, params)

    signs = optax.stateless(add)
    return signs if of_all else optax.masked(signs, kernels)
