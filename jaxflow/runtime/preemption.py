"""Graceful preemption: on a signal the loop finishes its step and saves; a watchdog ends a process that hangs."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import jax
from jax.experimental import multihost_utils

from jaxflow.errors import RESUMABLE
from jaxflow.runtime.preemption_service import notify, take_sigterm
from jaxflow.runtime.signals import heard_at_once, tell

# Seconds without a finished step that end a process of several.
WATCHDOG_TIMEOUT_S = 1800.0
# Written to standard error when a signal arrives.
NOTICE = b"stopping: the step is finished and saved; a second signal stops at once\n"


@contextmanager
def preemption_flag() -> Iterator[Callable[[int], bool]]:
    """Sets a flag on SIGTERM or SIGINT, polled by a loop after each step; a second signal ends the process.

    Signals are heeded from the first poll on: before it there is nothing to save, and they end the process as they do
    elsewhere. So does at the end one that came too late for any poll.

    Yields:
      (step) -> whether to stop now. All processes of a run get the same answer for the same step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda step: False  # only the main thread may handle signals
        return
    received: list[int] = []
    polled = _agreed_flag() if jax.process_count() > 1 else lambda: bool(received)
    answers = [False]

    def note(number: int) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        tell(NOTICE)
        if jax.process_count() > 1:
            notify()

    with ExitStack() as opened:

        def should_stop(step: int) -> bool:
            if len(answers) == 1:
                take_sigterm()
                opened.enter_context(heard_at_once(note))
            answers.append(polled())
            return answers[-1]

        yield should_stop
    if received and not any(answers):
        os.kill(os.getpid(), received[0])


def _agreed_flag() -> Callable[[], bool]:
    """Returns the flag of several processes: JAX's preemption service tells all of them, and chooses a step."""
    # JAX answers at the next number that no process has asked for. Numbers of steps would not do: many steps may be
    # one dispatch.
    asked = itertools.count()
    return lambda: multihost_utils.reached_preemption_sync_point(next(asked))


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
                message = f"no step was finished for {seconds:g} s (watchdog_seconds); launch again to resume\n"
                tell(message.encode())
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
