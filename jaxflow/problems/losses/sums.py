"""Losses that are put together from others."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems.losses.base import Loss, fit_loss
from jaxflow.ranges import NonNegative, check_ranges


@dataclass(frozen=True)
class Sum:
    """A weighted sum of losses of one problem: Sum((CrossEntropy(), Dice()), weights=(1.0, 0.5))."""

    losses: tuple[Loss, ...]
    """The losses, two or more."""

    weights: tuple[NonNegative, ...] = ()
    """How much each counts, in their order; empty for 1 each."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not isinstance(self.losses, tuple) or len(self.losses) < 2:
            raise UserError(
                f"losses.Sum has the losses {self.losses!r}; write a tuple of two or more, for example "
                "(jaxflow.losses.CrossEntropy(), jaxflow.losses.Dice())"
            )
        if wrong := [part for part in self.losses if isinstance(part, type) or not callable(part)]:
            raise UserError(f"losses.Sum has {wrong[0]!r}, which is no loss; write an object such as CrossEntropy()")
        if self.weights and len(self.weights) != len(self.losses):
            raise UserError(
                f"losses.Sum has {len(self.losses)} losses and {len(self.weights)} weights; give one for each, or none"
            )

    @property
    def unit(self) -> str:
        """The unit that all of the losses have; "" where they have several."""
        units = {getattr(part, "unit", "") for part in self.losses}
        return units.pop() if len(units) == 1 else ""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the losses' weighted sum for each target; arguments are those of the losses."""
        weights = self.weights or (1.0,) * len(self.losses)
        first, *others = (weight * part(outputs, targets) for weight, part in zip(weights, self.losses))
        return sum(others, start=first)

    def fit(self, targets: np.ndarray) -> "Sum":
        """Returns the sum with each of the losses fitted to the training targets."""
        return dataclasses.replace(self, losses=tuple(fit_loss(part, targets) for part in self.losses))


def parts_of(loss: Loss) -> Iterator[Loss]:
    """Lists a loss, or those that it is the sum of."""
    for part in loss.losses if isinstance(loss, Sum) else ():
        yield from parts_of(part)
    if not isinstance(loss, Sum):
        yield loss
