"""Stopping: on a signal the loop finishes its step and saves; a step that never ends takes the process down."""

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import jax
from jax.experimental import multihost_utils

from jaxflow.errors import RESUMABLE

# Seconds without a finished step that end a process of several.
WATCHDOG_TIMEOUT_S = 1800.0


@contextmanager
def preemption_flag() -> Iterator[Callable[[int], bool]]:
    """Turns SIGTERM and SIGINT into a question that a loop asks after each step; a second signal ends the process.

    Yields:
      (step) -> whether to stop now. All processes of a run get the same answer for the same step.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        # Not print: the signal may have come in the middle of one.
        os.write(sys.stderr.fileno(), b"should_stop: the step is finished and saved; a second signal stops at once\n")

    if jax.process_count() > 1:
        # JAX's own handler of SIGTERM tells the coordinator, which names a step that all processes still reach.
        previous = {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
        }
    elif threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    else:
        previous = {}  # only the main thread may handle signals

    # JAX names the next number that no process has asked for; steps may be taken many at once, questions are not.
    asked = itertools.count()

    def should_stop(step: int) -> bool:
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(next(asked))
        return bool(received)

    try:
        yield should_stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def watchdog(seconds: float | None) -> Iterator[Callable[[], None]]:
    """Ends the process where nothing is heard of it for a while: a collective that waits for a lost peer never returns.

    Args:
      seconds: the longest silence; None for no watchdog on one process, and WATCHDOG_TIMEOUT_S on several, which wait
        for a lost one for ever.

    Yields:
      What the loop calls as often as a step is known to be finished.
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
