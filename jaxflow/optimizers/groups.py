"""Groups of parameters that learn at their own rates, or not at all."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import jax
import optax

from jaxflow.errors import UserError, listed
from jaxflow.hyperparameters import HYPERPARAMETER
from jaxflow.interfaces import Schedule
from jaxflow.optimizers.base import AnyOptimizer, is_zero, scaled
from jaxflow.optimizers.muon import Muon
from jaxflow.optimizers.sgd import SGD
from jaxflow.ranges import MAX_FLOAT


@dataclass(frozen=True)
class Groups(AnyOptimizer):
    """An optimizer whose learning rate has a factor for each group of parameters; 0 freezes a group.

    What is frozen has no state and no gradient; batch statistics in it still follow the data. The gradient's norm is
    clipped over all groups together, but Muon's, which is that of its kernels.
    """

    groups: tuple[tuple[str, float], ...] = field(default=(), metadata=HYPERPARAMETER)
    """(pattern, factor) pairs, on the command line one after the other. A pattern is the path of parameters or of what
    holds them, such as Conv_0, with * for any characters. The first that matches counts; for the others it is 1."""
    optimizer: AnyOptimizer = SGD()
    """The optimizer of them all."""

    def __post_init__(self) -> None:
        for pair in self.groups if isinstance(self.groups, tuple) else (self.groups,):
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise UserError(
                    f"Groups.groups has {pair!r}; write (pattern, factor) pairs, for example (('stem', 0.0),)"
                )
            wrong = isinstance(pair[1], bool | str) or pair[1] is None
            if wrong or (isinstance(pair[1], int | float) and not 0 <= pair[1] <= MAX_FLOAT):
                raise UserError(f"Groups.groups has {pair!r}; a factor must be 0 or more")

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of parameters whose factor is 1."""
        return self.optimizer.learning_rate

    @property
    def schedule(self) -> Schedule:
        """How the learning rates change over the run."""
        return self.optimizer.schedule

    def transformation(self, total_steps: int) -> optax.GradientTransformation:
        """Builds the whole transformation: each group has the optimizer with its own learning rate."""
        clip_norm, optimizer = getattr(self.optimizer, "clip_norm", None), self.optimizer
        if clip_norm is None or isinstance(optimizer, Muon):
            clip = optax.identity()
        else:
            clip, optimizer = optax.clip_by_global_norm(clip_norm), replace(optimizer, clip_norm=None)  # type: ignore[call-arg]
        each: dict[Hashable, optax.GradientTransformation] = {-1: optimizer.transformation(total_steps)}
        for number, (_, factor) in enumerate(self.groups):
            group = optax.set_to_zero() if is_zero(factor) else scaled(optimizer, factor).transformation(total_steps)
            each[number] = group
        return optax.chain(optax.stateless(self._without_frozen), clip, optax.partition(each, self._numbers))

    def frozen(self, params: Any) -> Any:
        """Returns which parameters never change, like `params`."""
        return jax.tree.map(lambda number: number >= 0 and is_zero(self.groups[number][1]), self._numbers(params))

    def _without_frozen(self, updates: Any, params: Any) -> Any:
        return jax.tree.map(lambda leaf, off: leaf * 0 if off else leaf, updates, self.frozen(updates))

    def _numbers(self, params: Any) -> Any:
        """Returns the group of each parameter, the first whose pattern matches its path; -1 for the others.

        Raises:
          UserError: a pattern matches none.
        """
        paths = jax.tree.map_with_path(lambda path, _: jax.tree_util.keystr(path, simple=True, separator="/"), params)
        names = jax.tree.leaves(paths)
        for pattern, _ in self.groups:
            if not any(_matches(name, pattern) for name in names):
                raise UserError(f"Groups: no parameter matches {pattern!r}; there are {listed(names, most=40)}")

        def number(name: str) -> int:
            return next((index for index, (pattern, _) in enumerate(self.groups) if _matches(name, pattern)), -1)

        return jax.tree.map(number, paths)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*")
