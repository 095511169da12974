"""Losses, chosen in the experiment: frozen dataclasses that return a loss for each example, never reduced.

A loss of the user's own is such a dataclass in the experiment file. Where it takes something from the training targets
it also has `fit(targets)`, which returns the fitted loss. Its floats may be traced: checks look only at plain numbers.
"""

from jaxflow.problems.losses.binary import BinaryCrossEntropy, BinaryFocal, BinaryHinge
from jaxflow.problems.losses.classes import CrossEntropy
from jaxflow.problems.losses.distributions import KL
from jaxflow.problems.losses.margins import Focal, Hinge
from jaxflow.problems.losses.masks import Dice, Tversky
from jaxflow.problems.losses.ranks import CORN
from jaxflow.problems.losses.sequences import CTC
from jaxflow.problems.losses.sums import Sum
from jaxflow.problems.losses.values import AbsoluteError, GaussianNLL, Huber, Pinball, SquaredError

__all__ = [
    "CORN",
    "CTC",
    "KL",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "BinaryHinge",
    "CrossEntropy",
    "Dice",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "Pinball",
    "SquaredError",
    "Sum",
    "Tversky",
]
