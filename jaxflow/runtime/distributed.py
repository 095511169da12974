"""One run on several processes: how they find each other, and how they agree on what only one of them may decide.

Every process runs the same program over its own rows of each batch. Process 0 alone writes and speaks; where a decision
hangs on a file, a clock or a mistake that only one process sees, the functions below make it everyone's.
"""

import itertools
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax

from jaxflow.errors import UserError

T = TypeVar("T")

# The coordinator's messages are waited for as long as a process may need to load data or to write a report. A process
# that is dead is noticed by JAX after 100 s, which then ends the others.
PEER_TIMEOUT_MS = 24 * 60 * 60 * 1000  # milliseconds
# How long process 0 may take to start.
START_TIMEOUT_S = 300  # seconds
# How long a process that has failed waits for the others to fail of the same mistake.
FAILURE_TIMEOUT_MS = 3000  # milliseconds
_numbers = itertools.count()


def join(coordinator: str | None = None, num_processes: str | None = None, process_id: str | None = None) -> None:
    """Makes this process one of several, before it touches a device.

    Args:
      coordinator: HOST:PORT where process 0 listens; "auto" lets JAX find all three out from the cluster. None with the
        others None joins only where the environment says that there are several processes (SLURM, Open MPI, TPU pods).
      num_processes: how many processes there are.
      process_id: which of them this is, from 0.

    Raises:
      UserError: the arguments do not fit together, or the others cannot be reached.
    """
    arguments = _explicit(coordinator, num_processes, process_id)
    if arguments is None and coordinator != "auto" and not _cluster(os.environ):
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
            f"cannot join the other processes ({coordinator or _cluster(os.environ)}): {reason}; say where they are: "
            "--coordinator HOST:PORT --num-processes N --process-id I"
        ) from error


def abort(status: int) -> int:
    """Ends this process if it has failed alone: at a normal end it would wait minutes for the others, and they for it.

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
    """Waits until the coordinator listens: JAX would abort the process if it does not, and say little."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:  # not there yet, or its name is not known yet
            if time.monotonic() > deadline:
                raise UserError(
                    f"cannot reach process 0 at {address} for {START_TIMEOUT_S} s: {error}; start it, or change "
                    f"--coordinator"
                ) from error
            time.sleep(0.2)


def _explicit(coordinator: str | None, num_processes: str | None, process_id: str | None) -> dict[str, Any] | None:
    """Checks what flags say: JAX's arguments, {} for a single process, None where the flags leave it to JAX."""
    given = {"--coordinator": coordinator, "--num-processes": num_processes, "--process-id": process_id}
    if coordinator == "auto" and num_processes is None and process_id is None:
        return None
    if all(value is None for value in given.values()):
        return None
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise UserError(f"{' and '.join(missing)} missing; a process needs all of {', '.join(given)}")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"--coordinator is {coordinator}; it must be HOST:PORT of process 0, for example node0:12345")
    if not num_processes.isdecimal() or int(num_processes) < 1:
        raise UserError(f"--num-processes is {num_processes}; it must be 1 or more")
    if not process_id.isdecimal() or int(process_id) >= int(num_processes):
        raise UserError(f"--process-id is {process_id}; it must be in 0..{int(num_processes) - 1}")
    if int(num_processes) == 1:
        return {}
    return {
        "coordinator_address": coordinator,
        "num_processes": int(num_processes),
        "process_id": int(process_id),
        "cluster_detection_method": "deactivate",  # what is said is meant
    }


def _cluster(environment: Mapping[str, str]) -> str | None:
    """Names the cluster whose documented variables say that this is one of several processes; None where none does."""

    def number(name: str) -> int:
        value = environment.get(name, "")
        return int(value) if value.isdecimal() else 0

    # Of the step, not of the job: an interactive shell has one process in a job of many.
    if number("SLURM_STEP_NUM_TASKS") > 1 and "SLURM_PROCID" in environment:
        return "SLURM"
    if number("OMPI_COMM_WORLD_SIZE") > 1:
        return "Open MPI"
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES") or ""
    if "," in hosts or number("MEGASCALE_NUM_SLICES") > 1:
        return "TPU pod"
    return None


def is_main() -> bool:
    """Whether this is process 0, which writes and speaks for all; true where there is only one."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def on_main(act: Callable[[], T]) -> T:
    """Lets process 0 act alone while the others wait.

    Args:
      act: what to do; gives a value that can be pickled.

    Returns:
      What it gave, on every process.

    Raises:
      Exception: what it raised, on every process.
    """
    if not jax.distributed.is_initialized():
        return act()
    return _settle(_outcome(act) if is_main() else (None, None))[0]


def run_on_all(act: Callable[[], T]) -> T:
    """Lets every process act, and makes a mistake that one of them finds everyone's.

    Args:
      act: what to do. It must not wait for other processes: one that fails would leave them waiting.

    Returns:
      What it gave on this process.

    Raises:
      Exception: what it raised on the first process where it did.
    """
    if not jax.distributed.is_initialized():
        return act()
    value, error = _outcome(act)
    _settle((None, error))
    return value


def main_process_first(act: Callable[[], T]) -> T:
    """Lets process 0 act before the others do, so that what it downloads or caches is there for them.

    Args:
      act: what to do, as for `run_on_all`.

    Returns:
      What it gave on this process.
    """
    if not jax.distributed.is_initialized():
        return act()
    value = run_on_all(lambda: act() if is_main() else None)
    return run_on_all(lambda: value if is_main() else act())


def broadcast(value: T) -> T:
    """Gives process 0's value on every process: for what hangs on a clock or on free memory."""
    return on_main(lambda: value)


def _outcome(act: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return act(), None
    except Exception as error:
        return None, error


def _settle(own: tuple[Any, Exception | None]) -> list[Any]:
    """Tells all processes what came of an act, and raises where one failed.

    Returns:
      The values of all processes, process 0's first.
    """
    outcomes = _exchange(own)
    # Its own first: it knows where it was raised.
    for error in (own[1], *(error for _, error in outcomes)):
        if error is not None:
            raise error
    return [value for value, _ in outcomes]


def _exchange(own: tuple[Any, Exception | None]) -> list[tuple[Any, Exception | None]]:
    """Sends a value to all processes and gives theirs; each process must ask equally often.

    It goes through the coordinator, as Orbax's barriers do, and not over the devices: their collectives may fail where
    a process comes late.
    """
    client, number = _coordinator(), next(_numbers)
    client.key_value_set_bytes(f"jaxflow/{number}/{jax.process_index()}", _pickled(own))
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
