"""One run on several processes: how they find each other, and how they agree on what only one of them may decide.

Every process runs the same program over its local rows of each batch. Process 0 alone writes files and messages; where
a decision depends on a file, a clock or an error that only one process sees, the functions below share it with all.
"""

import itertools
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from jaxflow.errors import UserError
from jaxflow.runtime.cluster import detect_cluster, explicit_arguments

T = TypeVar("T")

# The coordinator's messages are waited for as long as a process may need to load data or to write a report. A process
# that is dead is noticed by JAX after 100 s, which then ends the others.
PEER_TIMEOUT_MS = 24 * 60 * 60 * 1000  # milliseconds
# How long process 0 may take to start.
START_TIMEOUT_S = 300  # seconds
# How long a process that has failed waits for the others to fail of the same mistake.
FAILURE_TIMEOUT_MS = 3000  # milliseconds
_exchanges = itertools.count()


def join(coordinator: str | None = None, num_processes: str | None = None, process_id: str | None = None) -> None:
    """Joins this process to the others of its run, before it touches a device.

    Args:
      coordinator: HOST:PORT where process 0 listens; "auto" leaves all three to JAX's detection of the cluster. If all
        are None, the process joins only where the environment tells of several (SLURM, Open MPI, TPU pods).
      num_processes: how many processes there are.
      process_id: the index of this one, from 0.

    Raises:
      UserError: the arguments do not fit together, or the others cannot be reached.
    """
    arguments = explicit_arguments(coordinator, num_processes, process_id)
    if arguments is None and coordinator != "auto" and not detect_cluster(os.environ):
        return
    if arguments == {}:
        return
    if arguments and arguments["process_id"] > 0:
        _wait_for(arguments["coordinator_address"])
    try:
        jax.distributed.initialize(**(arguments or {}))
    except (RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"cannot join the other processes ({coordinator or detect_cluster(os.environ)}): {reason}; "
            "say where they are: --coordinator HOST:PORT --num-processes N --process-id I"
        ) from error


def abort(status: int) -> int:
    """Exits at once if this process has failed alone: a normal exit would wait minutes for the others, and they for it.

    Args:
      status: its exit status.

    Returns:
      The status, where this is the only process or all have failed.
    """
    if not jax.distributed.is_initialized():
        return status
    try:
        _coordinator().wait_at_barrier("jaxflow/failed", FAILURE_TIMEOUT_MS)
    except Exception:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _wait_for(address: str) -> None:
    """Waits until the coordinator listens: JAX would abort the process if it does not, with little explanation."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:  # not started yet, or its name is not known yet
            if time.monotonic() > deadline:
                raise UserError(
                    f"cannot reach process 0 at {address} for {START_TIMEOUT_S} s: {error}; start it, or change "
                    f"--coordinator"
                ) from error
            time.sleep(0.2)


def is_main() -> bool:
    """Returns whether this is process 0, which writes files and messages for all; true for a single process."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def on_main(act: Callable[[], T]) -> T:
    """Runs `act` on process 0 alone while the others wait.

    Args:
      act: what to run; its result can be pickled.

    Returns:
      The result of `act`, on every process.

    Raises:
      Exception: the exception of `act`, on every process.
    """
    if not jax.distributed.is_initialized():
        return act()
    return _settle(_outcome(act) if is_main() else (None, None))[0]


def run_on_all(act: Callable[[], T]) -> T:
    """Runs `act` on every process; if one raises, all raise.

    Args:
      act: what to run. It must not wait for other processes: one that fails would leave them waiting.

    Returns:
      The result of `act` on this process.

    Raises:
      Exception: this process's exception, or else that of the first process that has one.
    """
    if not jax.distributed.is_initialized():
        return act()
    value, error = _outcome(act)
    _settle((None, error))
    return value


def main_process_first(act: Callable[[], T]) -> T:
    """Runs `act` on process 0 before the others run it, so that they find what it downloads or caches.

    Args:
      act: what to run, as for `run_on_all`.

    Returns:
      The result of `act` on this process.
    """
    if not jax.distributed.is_initialized():
        return act()
    value = run_on_all(lambda: act() if is_main() else None)
    return run_on_all(lambda: value if is_main() else act())


def broadcast(value: T) -> T:
    """Broadcasts process 0's value: for values that depend on time or free memory."""
    return on_main(lambda: value)


def _outcome(act: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return act(), None
    except Exception as error:
        return None, error


def _settle(outcome: tuple[Any, Exception | None]) -> list[Any]:
    """Exchanges the outcomes of all processes, and raises if one of them is an exception.

    Returns:
      The values of all processes, process 0's first.
    """
    outcomes = _exchange(outcome)
    # This process's first: its traceback shows where it was raised.
    for error in (outcome[1], *(error for _, error in outcomes)):
        if error is not None:
            raise error
    return [value for value, _ in outcomes]


def _exchange(outcome: tuple[Any, Exception | None]) -> list[tuple[Any, Exception | None]]:
    """Sends an outcome to all processes and returns theirs; each process must call it equally often.

    Outcomes go through the coordinator, as Orbax's barriers do, and not over the devices, whose collectives may fail if
    a process is late.
    """
    client, number = _coordinator(), next(_exchanges)
    client.key_value_set_bytes(f"jaxflow/{number}/{jax.process_index()}", _pickled(outcome))
    names = [f"jaxflow/{number}/{process}" for process in range(jax.process_count())]
    return [pickle.loads(client.blocking_key_value_get_bytes(name, PEER_TIMEOUT_MS)) for name in names]


def _pickled(outcome: tuple[Any, Exception | None]) -> bytes:
    value, error = outcome
    try:
        data = pickle.dumps(outcome)
        pickle.loads(data)  # an exception may be written and yet not be read
        return data
    except Exception:
        return pickle.dumps((None, RuntimeError(f"{type(error or value).__name__}: {error or value}")))


def _coordinator() -> Any:
    from jax._src.distributed import global_state  # JAX has no public name for it

    return global_state.client
