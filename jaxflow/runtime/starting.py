"""What stands in the way of JAX: settings in the environment, devices that are not there."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from jaxflow.errors import UserError, reason

# The file of JAX's that looks for devices; what it raises of those that it does not find differs from kind to kind.
LOOKS_FOR_DEVICES = os.path.join("jax", "_src", "xla_bridge.py")


@contextmanager
def starting_jax() -> Iterator[None]:
    """Imports JAX at the end of the context, and reports in one line what it says of variables of the environment.

    Raises:
      UserError: a variable holds what JAX does not take.
    """
    try:
        yield
        import jax  # noqa: F401
    except ValueError as error:
        raise UserError(f"JAX does not take what the environment says: {reason(error)}; correct or unset it") from error


def no_devices(error: BaseException) -> UserError | None:
    """Returns the one line for JAX's error that it has no devices to compute on; None for any other error."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or not frames[-1].filename.endswith(LOOKS_FOR_DEVICES) or not isinstance(error, Exception):
        return None
    wanted = os.environ.get("JAX_PLATFORMS")
    which = f"JAX_PLATFORMS is {wanted!r}, and JAX has no such devices here" if wanted else "JAX finds no devices"
    return UserError(f"{which} ({reason(error)[:300]}); correct or unset JAX_PLATFORMS, or install JAX for them")
