"""Metrics by their public place: `from jaxflow.metrics import Accuracy`."""

from jaxflow.problems.metrics import *  # noqa: F403
from jaxflow.problems.metrics import __all__ as __all__
