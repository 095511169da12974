"""What stands in the way of JAX: settings in the environment, devices that are not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from jaxflow.errors import UserError, reason

# How JAX begins when it finds no devices of the kind that it was told to take.
NO_BACKEND = "Unable to initialize backend"


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


def no_backend(error: BaseException) -> UserError | None:
    """Returns the one line for JAX's error that it has no devices to compute on; None for any other error."""
    if not isinstance(error, RuntimeError) or not str(error).startswith(NO_BACKEND):
        return None
    wanted = os.environ.get("JAX_PLATFORMS")
    variable = f"JAX_PLATFORMS is {wanted!r}, and " if wanted else ""
    return UserError(
        f"{variable}JAX has no such devices ({reason(error)[:300]}); correct or unset JAX_PLATFORMS, or install JAX "
        "for them"
    )
