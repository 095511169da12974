"""What the processes of a run agree on, and what only one of them may decide.

Every process runs the same program over its local rows of each batch. Process 0 alone writes files and messages; where
a decision depends on a file, a clock or an error that only one process sees, the functions below share it with all.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax

from jaxflow.runtime.exchange import coordinator_client, exchange
from jaxflow.runtime.messages import plain

T = TypeVar("T")

# How long a process that has failed waits for the others to fail of the same mistake.
FAILURE_TIMEOUT_MS = 3000  # milliseconds


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
        coordinator_client().wait_at_barrier("jaxflow/failed", FAILURE_TIMEOUT_MS)
    except Exception:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def is_main() -> bool:
    """Returns whether this is process 0, which writes files and messages for all; true for a single process."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def on_main(act: Callable[[], T]) -> T:
    """Runs `act` on process 0 alone while the others wait.

    Args:
      act: what to run; its result is what JSON can hold.

    Returns:
      The result of `act` as `messages.plain` has it, on every process.

    Raises:
      Exception: the exception of `act`, on every process; on others than process 0 it is a RuntimeError where its
        class is none of jaxflow's.
    """
    if not jax.distributed.is_initialized():
        return cast(T, plain(act()))
    return _settle("on_main", *(_outcome(act) if is_main() else (None, None)))[0]


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
    _settle("run_on_all", None, error)
    return cast(T, value)


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
    return run_on_all(lambda: cast(T, value) if is_main() else act())


def broadcast(value: T) -> T:
    """Broadcasts process 0's value: for values that depend on time or free memory."""
    return on_main(lambda: value)


def _outcome(act: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return act(), None
    except Exception as error:
        return None, error


def _settle(call: str, value: Any, error: Exception | None) -> list[Any]:
    """Exchanges the outcomes of all processes, and raises if one of them is an exception.

    Returns:
      The values of all processes, process 0's first.
    """
    outcomes = exchange(call, value, error)
    # This process's first: its traceback shows where it was raised.
    for raised in (error, *(raised for _, raised in outcomes)):
        if raised is not None:
            raise raised
    return [value for value, _ in outcomes]
