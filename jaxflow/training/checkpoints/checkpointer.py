"""Orbax's checkpointer and its lifetime: the first read or write starts it, the end of the run closes it."""

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import jax

from jaxflow.errors import UserError
from jaxflow.file_io import storage_error
from jaxflow.ranges import whole_number
from jaxflow.runtime.distributed import is_main

if TYPE_CHECKING:
    import orbax.checkpoint as ocp

# Seconds that a process that has failed waits for the others to end a write with it.
CLOSE_TIMEOUT_S = 5.0


def saved_steps(folder: Path) -> list[int]:
    """Lists the steps that a folder has checkpoints of.

    Raises:
      UserError: the folder cannot be read, so that nobody knows.
    """
    # Not by glob(), which finds nothing in a folder that it may not read.
    with storage_error(folder, "make the folder readable"):
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return []
    return sorted(step for step in map(whole_number, names) if step is not None)


@contextmanager
def write_error(path: Path) -> Iterator[None]:
    """Raises what writing a checkpoint fails with as one line.

    Raises:
      UserError: the system refused something. Orbax may go on without that, and fail with another error by what it then
        misses.
    """
    try:
        with storage_error(path):
            yield
    except (OSError, ValueError, KeyError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(
            f"cannot write a checkpoint to {path} ({reason[:160]}); launch again to go on from the last one"
        ) from error


class Checkpointer:
    """Reads and writes a folder of checkpoints; nothing is started, and Orbax not imported, before it is needed.

    Importing Orbax takes a third of a second, which a run pays while it trains and not before.
    """

    def __init__(self, folder: Path, read_only: bool) -> None:
        """Prepares to read and write in a folder; nothing is started yet, and with `read_only` nothing is written."""
        self._folder, self._read_only = folder, read_only
        self._orbax: ocp.AsyncCheckpointer | None = None

    def start(self) -> "ocp.AsyncCheckpointer":
        """Returns Orbax's checkpointer, started by the first call, which removes half-written checkpoints."""
        if self._orbax is None:
            import orbax.checkpoint as ocp

            if not self._read_only and is_main():
                for path in self._folder.glob("*.orbax-checkpoint-tmp*"):
                    shutil.rmtree(path, ignore_errors=True)
            self._orbax = ocp.AsyncCheckpointer(ocp.CompositeCheckpointHandler())
        return self._orbax

    def raise_errors(self) -> None:
        """Raises the error of a write in the background, as UserError."""
        if self._orbax is not None:
            with write_error(self._folder):
                self._orbax.check_for_errors()

    def wait(self) -> None:
        """Waits until all that was saved is written.

        Raises:
          UserError: it could not be written.
        """
        if self._orbax is not None:
            with write_error(self._folder):
                self._orbax.wait_until_finished()

    def close(self) -> None:
        """Closes Orbax's checkpointer, if it was started."""
        if self._orbax is not None:
            self._orbax.close()

    def abandon(self) -> None:
        """Closes the checkpointer after a failure, without masking the original error.

        All processes take part in a write. If others have not failed they do not come: the wait for them is short.
        """

        def close() -> None:
            with contextlib.suppress(Exception):
                self.close()

        if self._orbax is not None:
            closing = threading.Thread(target=close, daemon=True)
            closing.start()
            closing.join(CLOSE_TIMEOUT_S if jax.process_count() > 1 else None)
