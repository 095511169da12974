"""Graceful preemption: on a signal the loop finishes its step and saves; a watchdog ends a process that hangs."""

import contextlib
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import jax
from jax.experimental import multihost_utils

from jaxflow.errors import RESUMABLE

# Seconds without a finished step that end a process of several.
WATCHDOG_TIMEOUT_S = 1800.0
# Written to standard error when a signal arrives.
NOTICE = b"stopping: the step is finished and saved; a second signal stops at once\n"


@contextmanager
def preemption_flag() -> Iterator[Callable[[int], bool]]:
    """Sets a flag on SIGTERM or SIGINT, polled by a loop after each step; a second signal ends the process.

    Yields:
      (step) -> whether to stop now. All processes of a run get the same answer for the same step.
    """
    if jax.process_count() > 1:
        with _handlers({signal.SIGINT: lambda number, frame: os.kill(os.getpid(), signal.SIGTERM)}):
            yield _agreed_flag()
    elif threading.current_thread() is threading.main_thread():
        with _heard_at_once() as received:
            yield lambda step: bool(received)
    else:
        yield lambda step: False  # only the main thread may handle signals


def _agreed_flag() -> Callable[[int], bool]:
    """Returns the flag of several processes: JAX's handler of SIGTERM tells the coordinator, which chooses a step."""
    # JAX answers at the next number that no process has asked for. Numbers of steps would not do: many steps may be
    # one dispatch.
    asked, said = itertools.count(), itertools.count()

    def should_stop(step: int) -> bool:
        stop = multihost_utils.reached_preemption_sync_point(next(asked))
        if stop and next(said) == 0:
            _tell(NOTICE)
        return stop

    return should_stop


@contextmanager
def _heard_at_once() -> Iterator[list[int]]:
    """Collects SIGTERM and SIGINT, and reports each at once.

    Python runs handlers between two instructions of the main thread, which may wait for a device for a long time.
    So a thread reads the signals' numbers from a socket that the interpreter writes them to as they come.

    Yields:
      The numbers received so far; a second one ends the process.
    """
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    heard, told = socket.socketpair()
    told.setblocking(False)

    def listen() -> None:
        while number := heard.recv(1):
            if number[0] not in numbers:
                continue
            if received:
                os._exit(128 + number[0])
            received.append(number[0])
            _tell(NOTICE)

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    with heard, told, _handlers(dict.fromkeys(numbers, lambda number, frame: None)):
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        listener.start()
        try:
            yield received
        finally:
            signal.set_wakeup_fd(before)
            told.shutdown(socket.SHUT_RDWR)
            listener.join()


@contextmanager
def _handlers(handlers: Mapping[int, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    """Sets signal handlers, and restores the earlier ones at the end."""
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _tell(text: bytes) -> None:
    """Writes to standard error; not by `print`, which a signal may interrupt."""
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), text)


@contextmanager
def watchdog(seconds: float | None) -> Iterator[Callable[[], None]]:
    """Ends the process if no heartbeat comes for a while: a collective that waits for a lost peer never returns.

    Args:
      seconds: the longest time between heartbeats; None for no watchdog on one process, and WATCHDOG_TIMEOUT_S on
        several, which would wait for a lost one for ever.

    Yields:
      The heartbeat: the loop calls it whenever a step is known to be finished.
    """
    if seconds is None:
        if jax.process_count() == 1:
            yield lambda: None
            return
        seconds = WATCHDOG_TIMEOUT_S
    heard, ended = [time.monotonic()], threading.Event()

    def watch() -> None:
        while not ended.wait(min(1.0, seconds / 4)):
            if time.monotonic() - heard[0] > seconds:
                message = f"no step was finished for {seconds:g} s (watchdog_seconds); launch again to go on\n"
                os.write(sys.stderr.fileno(), message.encode())
                os._exit(RESUMABLE)

    def heartbeat() -> None:
        heard[0] = time.monotonic()

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield heartbeat
    finally:
        ended.set()
        thread.join()
