"""Which examples are explained: some of the worst, and some that are right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxflow.data.spread import evenly_spaced
from jaxflow.interfaces import Problem
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.schema import Schema


def examples_of(problem: Problem, schema: Schema) -> "Examples":
    """Returns what collects the losses of a split; answers are right or wrong where each example has one class."""
    has_class = (
        schema.target.kind == "class" and not schema.target.dense_shape and not isinstance(problem, Autoencoding)
    )
    return Examples(problem.answer if has_class else None)


@dataclass
class Examples:
    """The losses of all examples, and which are answered rightly, collected block by block.

    Attributes:
      answer: of the problem, to a distribution; None where an example has no class.
    """

    answer: Callable[[Any], Any] | None
    losses: list[np.ndarray] = field(default_factory=list)
    right: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects the next block of examples, as `evaluate_split` passes it to `on_block`."""
        self.losses.append(np.where(block["weight"] > 0, block["loss"], np.nan))
        if self.answer is not None:
            self.right.append(np.asarray(self.answer(block["predictions"])) == block["targets"])

    def chosen(self, count: int) -> np.ndarray:
        """Returns the indices of some examples: half have the largest losses, the others lie evenly among the right.

        Where no answer is right or wrong, those of less than the median loss stand for the right ones.
        """
        losses = np.concatenate(self.losses)
        known = np.flatnonzero(np.isfinite(losses))
        if not len(known):
            return known
        right = np.concatenate(self.right)[known] if self.right else losses[known] <= np.median(losses[known])
        wrong, good = known[~right], known[right]
        worst = wrong[np.argsort(-losses[wrong], kind="stable")][: count - min(len(good), count // 2)]
        even = good[evenly_spaced(len(good), count - len(worst))]
        return np.concatenate([worst, even])
