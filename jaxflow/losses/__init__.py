"""Losses by their public place: `from jaxflow.losses import Focal`."""

from jaxflow.problems.losses import *  # noqa: F403
from jaxflow.problems.losses import __all__ as __all__
