"""Any of optax's optimizers, by its name there."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optax

from jaxflow.errors import UserError, listed
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.interfaces import Schedule
from jaxflow.optimizers.base import AnyOptimizer, kernels
from jaxflow.optimizers.schedules import Constant, learning_rate
from jaxflow.ranges import NonNegative, Positive, check_ranges

# What masks of weight decay are called: they are functions, which no field holds.
MASKS = ("mask", "weight_decay_mask")
# What wants more than a gradient (the loss, or the function), an optimizer, or a learning rate that never changes.
UNFIT = {"lbfgs", "momo", "momo_adam", "optimistic_adam", "rprop", "schedule_free", "sm3", "sophia"}


@dataclass(frozen=True)
class Optax(AnyOptimizer):
    """One of optax's optimizers by its name, in optax or optax.contrib: Optax("yogi", (("b1", 0.95),))."""

    name: str
    """What optax calls it, such as radam."""
    values: tuple[tuple[str, int | float | bool | str | None], ...] = dataclasses.field(default=(), metadata=COMPLEMENT)
    """Its arguments beside the learning rate, as (name, value) pairs, on the command line one after the other; for the
    others optax's defaults hold. Its weight decay spares biases and norms."""
    learning_rate: NonNegative = 1e-3
    """Highest learning rate of the schedule."""
    schedule: Schedule = Constant()
    """How the learning rate changes over the run."""
    clip_norm: Positive | None = None
    """Largest global norm of the gradient; None for no clipping."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.name not in _optimizers():
            raise UserError(f"Optax.name is {self.name!r}; optax has {listed(_optimizers(), most=60)}")
        if not isinstance(self.values, tuple) or not all(map(_is_pair, self.values)):
            raise UserError(f"Optax.values is {self.values!r}; write pairs, for example (('b1', 0.9),)")
        if getattr(self.schedule, "low_momentum", None) is not None:
            raise UserError(
                "OneCycle.low_momentum changes the momentum of jaxflow's own optimizers; leave low_momentum=None with "
                f"Optax({self.name!r})"
            )
        names = [name for name, _ in self.values]
        known = set(inspect.signature(_optimizers()[self.name]).parameters) - {"learning_rate", *MASKS}
        for name in names:
            if name not in known or names.count(name) > 1:
                wrong = "twice" if name in known else f"and optax.{self.name} takes {listed(sorted(known))}"
                raise UserError(f"Optax.values has {name!r} {wrong}; the learning rate is a field of its own")

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation: clip, then optax's."""
        build = _optimizers()[self.name]
        masks = {name: kernels for name in MASKS if name in inspect.signature(build).parameters}
        rate = functools.partial(learning_rate, self, total_steps)
        try:
            built = build(**{"learning_rate": rate, **masks, **dict(self.values)})
        except (TypeError, ValueError) as error:
            raise UserError(
                f"optax.{self.name} cannot be made of Optax.values {self.values!r:.200}: {error}"
            ) from error
        return optax.chain(
            optax.identity() if self.clip_norm is None else optax.clip_by_global_norm(self.clip_norm), built
        )


@functools.cache
def _optimizers() -> dict[str, Callable[..., Any]]:
    """Returns optax's optimizers by name: what takes a learning rate, and of a step the gradient alone."""
    found = {name: value for home in (optax.contrib, optax) for name, value in vars(home).items()}
    return {
        name: value
        for name, value in sorted(found.items())
        if (inspect.isfunction(value) or isinstance(value, functools.partial))
        and not name.startswith(("_", "scale_by_"))
        and name not in UNFIT
        and "learning_rate" in inspect.signature(value).parameters
    }


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
