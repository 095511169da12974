"""The layers of a `jaxflow.Sequential` by their public place: `from jaxflow.layers import Conv`."""

from jaxflow.models.sequential.layers import *  # noqa: F403
from jaxflow.models.sequential.layers import __all__ as __all__
