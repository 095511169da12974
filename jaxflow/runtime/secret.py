"""The secret by which the processes of a run know each other."""

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path

from jaxflow.errors import UserError
from jaxflow.runtime.regular_files import open_regular

VARIABLE = "JAXFLOW_RUN_SECRET"
MIN_LENGTH = 16  # characters
MAX_BYTES = 1 << 16


def new_secret() -> str:
    """Returns a fresh secret of 256 bits."""
    return os.urandom(32).hex()


def take_secret(file: str | None, environment: MutableMapping[str, str]) -> bytes:
    """Reads the secret of a run and removes it from the environment, which processes that are started would inherit.

    Args:
      file: the file of `--secret-file`; it takes precedence over the environment.
      environment: the environment variables; the secret is `VARIABLE`.

    Returns:
      The secret; empty where there is none.

    Raises:
      UserError: the file cannot be read, others may read or write it, or the secret is too short.
    """
    text = environment.pop(VARIABLE, "").strip()
    where = VARIABLE if file is None else f"--secret-file {file}"
    if file is not None:
        text = _read_private(Path(file), where)
    if (text or file is not None) and len(text) < MIN_LENGTH:
        raise UserError(
            f"{where} has {len(text)} characters; a secret needs {MIN_LENGTH} or more, as from: openssl rand -hex 32"
        )
    return text.encode()


def _read_private(path: Path, where: str) -> str:
    """Reads a file of this user that nobody else may read or write."""
    try:
        with open_regular(path, MAX_BYTES) as file:
            described = os.fstat(file.fileno())
            text = file.read(MAX_BYTES)
        if described.st_uid not in (os.geteuid(), 0):
            raise UserError(f"{where} belongs to another user; make one of your own")
        if stat.S_IMODE(described.st_mode) & 0o077:
            mode = stat.S_IMODE(described.st_mode)
            raise UserError(f"{where} may be read or written by others (mode {mode:03o}); chmod 600 {path}")
        return text.decode().strip()
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{where} is not UTF-8; write the secret as text, as from: openssl rand -hex 32") from error
