"""The six toy sets of the TensorFlow playground: points in a plane with classes or values, by its formulas."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from jaxflow.data.checks import validate
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.errors import UserError
from jaxflow.ranges import MAX_INT, Range, Seed, check_ranges
from jaxflow.schema import Feature, Schema, Target

# Centres (x, y) of the bumps of "multi-gauss", each with the sign of its peak.
BUMPS = np.array([(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)])
TURNS = 1.75  # of each arm of the spiral


@dataclass(frozen=True)
class Playground:
    """Points (x, y) within about -6 to 6, each with a colour or a value: what small networks are tried on by eye.

    The classes are "orange" and "blue", the playground's -1 and +1; the value lies in [-1, 1].

    Source: D. Smilkov et al., Direct-Manipulation Visualization of Deep Networks, 2017; playground.tensorflow.org.
    """

    name: Literal["circle", "xor", "gauss", "spiral", "plane", "multi-gauss"]
    """Which set: the last two have values, the others classes."""
    examples: Annotated[int, Range(2, MAX_INT)] = 500
    """How many points, over all splits."""
    test_examples: Annotated[int, Range(2, MAX_INT)] | None = None
    """How many points are drawn anew for the test, dense where the data are few; None holds points out, as `split`
    says. With a number `split` holds out none for the test."""
    noise: Annotated[float, Range(0, 0.5)] = 0.0
    """Amount of noise, from 0 to 0.5: it spreads "gauss" and "spiral", and elsewhere moves the point
    that the target is taken from."""
    seed: Seed = 0
    """Seed of the points, apart from the run's seed."""
    split: HoldOut | KFold = HoldOut(0.1, 0.2)
    """Which points are held out."""

    def __post_init__(self) -> None:
        if self.name not in MAKERS:
            raise UserError(f"data.name is {self.name!r}; the playground has {', '.join(MAKERS)}")
        check_ranges(self)

    def load(self) -> Dataset:
        """Draws the points, (examples, 2) float32, and their targets, and splits them.

        Raises:
          UserError: `split` holds points out for a test that is drawn anew.
        """
        numbers = self.name in ("plane", "multi-gauss")
        target = Target("number", ("value",)) if numbers else Target("class", ("orange", "blue"))
        everything = self._draw(np.random.RandomState(self.seed), self.examples, self.name)
        classes = None if numbers else everything.targets
        chosen = self.split.split(SplitKeys(everything.ids, classes=classes))
        splits = {name: everything.take(indices) for name, indices in chosen.items()}
        if self.test_examples is not None:
            if "test" in splits:
                raise UserError(
                    f"data.test_examples draws {self.test_examples} points for the test, and data.split holds out "
                    f"{len(splits['test'])} more; write split=HoldOut(validation=0.1, test=0.0)"
                )
            generator = np.random.RandomState([self.seed, 1])  # of the same seed, yet other points
            splits["test"] = self._draw(generator, self.test_examples, f"{self.name}_test")
        return validate(Dataset(splits, Schema(Feature("vector", (2,), "float32"), target)))

    def _draw(self, generator: np.random.RandomState, count: int, name: str) -> ArraySplit:
        """Draws points whose ids begin with a name."""
        points, values = MAKERS[self.name](generator, count, self.noise)
        if self.name in ("plane", "multi-gauss"):
            targets = values.astype(np.float32)[:, None]
        else:
            targets = (values > 0).astype(np.int32)
        return ArraySplit(points.astype(np.float32), targets, [f"{name}_{i:04d}" for i in range(count)])


def _circle(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws a blue disc of radius 2.5 in an orange ring from 3.5 to 5; with noise by where the moved point lies."""
    inside = np.arange(count) < count // 2
    radius = np.where(inside, generator.uniform(0, 2.5, count), generator.uniform(3.5, 5, count))
    angle = generator.uniform(0, 2 * np.pi, count)
    points = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    moved = points + noise * generator.uniform(-5, 5, (count, 2))
    return points, np.where(np.hypot(*moved.T) < 2.5, 1, -1)


def _xor(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws four squares with a gap of 0.6 between them, blue where x and y have one sign."""
    points = generator.uniform(-5, 5, (count, 2))
    points += np.where(points > 0, 0.3, -0.3)
    moved = points + noise * generator.uniform(-5, 5, (count, 2))
    return points, np.where(moved.prod(1) >= 0, 1, -1)


def _gauss(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws two normal clouds, blue about (2, 2) and orange about (-2, -2), of variance 0.5 to 4."""
    labels = _halves(count)
    variance = 0.5 + noise * 7
    return 2 * labels[:, None] + np.sqrt(variance) * generator.normal(size=(count, 2)), labels


def _spiral(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws two arms of radius 0 to 5, half a turn apart."""
    labels = _halves(count)
    blue = count // 2
    position = np.concatenate([np.arange(blue) / blue, np.arange(count - blue) / (count - blue)])  # along its arm
    angle = TURNS * 2 * np.pi * position + np.where(labels > 0, 0, np.pi)
    arm = 5 * position[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    return arm + noise * generator.uniform(-1, 1, (count, 2)), labels


def _plane(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws points whose value is a tenth of x + y: from -1 to 1 where the sum is from -10 to 10."""
    points, moved = _moved(generator, count, noise)
    return points, moved.sum(1) / 10


def _multi_gauss(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws points under six cones of height 1 and radius 2, up and down in turn; of two that meet the larger one."""
    points, moved = _moved(generator, count, noise)
    distances = np.linalg.norm(moved[:, None] - BUMPS[:, :2], axis=-1)  # (point, bump)
    heights = BUMPS[:, 2] * np.clip(1 - distances / 2, 0, 1)
    return points, heights[np.arange(count), np.abs(heights).argmax(1)]


def _halves(count: int) -> np.ndarray:
    """Returns labels of which the first half is +1, the rest -1."""
    return np.where(np.arange(count) < count // 2, 1, -1)


def _moved(generator: np.random.RandomState, count: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws points anywhere from -6 to 6, and where noise moves them to."""
    points = generator.uniform(-6, 6, (count, 2))
    return points, points + noise * generator.uniform(-6, 6, (count, 2))


MAKERS: dict[str, Callable[[np.random.RandomState, int, float], tuple[np.ndarray, np.ndarray]]] = {
    "circle": _circle,
    "xor": _xor,
    "gauss": _gauss,
    "spiral": _spiral,
    "plane": _plane,
    "multi-gauss": _multi_gauss,
}
