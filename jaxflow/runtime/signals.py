"""SIGTERM and Ctrl-C, from the first line of a command to its last: one line, and an exit status that schedulers know.

What a command writes is written so that it may be killed anywhere. So a signal ends it at once, whatever it does: it
may wait for a compiler, a disk or other processes for a long time. The training loop alone asks to finish its steps
first (`preemption.py`).
"""

import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from jaxflow.errors import RESUMABLE

NUMBERS = (signal.SIGINT, signal.SIGTERM)
# Verbs that go on where they stopped when the same command is launched again; "" is the command without a verb.
RESUMED = ("", "train", "evaluate")
# What is done before the process ends: temporary files are removed.
before_end: list[Callable[[], None]] = []
# timeout(1) and batch systems send a signal to a process and to its group: the same again so soon is the same.
REPEATED_S = 0.5  # seconds
_heard: list[int] = []
_for_life = contextlib.ExitStack()
# Erases the line of a progress bar and shows the cursor, which the bar hides.
CLEAR = b"\r\x1b[K\x1b[?25h"


def resumes(words: Sequence[str]) -> bool:
    """Returns whether a command goes on where it stopped when it is launched again.

    Args:
      words: the command line, without the program's name.
    """
    verb = words[0] if words and not words[0].startswith("-") else ""
    return verb in RESUMED and "--overwrite" not in words  # which would begin again each time


def exit_status(number: int, words: Sequence[str]) -> int:
    """Returns the exit status of a command that a signal ends: RESUMABLE, or what shells make of the signal."""
    return RESUMABLE if resumes(words) else 128 + number


def describe(number: int, words: Sequence[str]) -> str:
    """Returns the line that a command ends with when a signal ends it."""
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    return f"stopped by {name}" + ("; launch again to resume" if resumes(words) else "")


def listen(words: Sequence[str]) -> None:
    """Ends the command on a signal, for the rest of the process's life; call it in the main thread, early.

    Args:
      words: the command line, without the program's name.
    """
    _for_life.enter_context(heard_at_once(lambda number: end(number, words)))
    os.register_at_fork(after_in_child=_forget)
    atexit.register(_ignore)  # the first to be registered runs last


def end(number: int, words: Sequence[str]) -> None:
    """Ends the process with one line."""
    for act in before_end:
        with contextlib.suppress(Exception):
            act()
    if os.isatty(1):
        tell(CLEAR, 1)
    tell(f"{describe(number, words)}\n".encode())
    os._exit(exit_status(number, words))


@contextlib.contextmanager
def heard_at_once(answer: Callable[[int], None]) -> Iterator[None]:
    """Calls a function for each SIGTERM and SIGINT as it arrives.

    Python runs handlers between two instructions of the main thread, which may wait for a device for a long time. So a
    thread reads the signals' numbers from a pipe that the interpreter writes them to as they come. These contexts
    nest: the innermost hears.

    Args:
      answer: takes the signal's number; it is called in that thread.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def listen() -> None:
        times = dict.fromkeys(NUMBERS, float("-inf"))
        while number := os.read(heard, 1)[0]:
            if number in NUMBERS and time.monotonic() - times[number] > REPEATED_S:
                times[number] = time.monotonic()
                _heard.append(number)
                answer(number)

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, _leave_to_the_thread) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.write(told, b"\0")
        listener.join()
        os.close(told)
        os.close(heard)


def last_signal() -> int:
    """Returns the number of the last signal that was heard; SIGTERM where only other processes heard one."""
    return _heard[-1] if _heard else signal.SIGTERM


def tell(text: bytes, file: int = 2) -> None:
    """Writes to standard error, or another file descriptor; not by `print`, which a signal may interrupt."""
    with contextlib.suppress(OSError):
        os.write(file, text)


def _leave_to_the_thread(number: int, frame: object) -> None:
    """Returns at once: without a handler Python would not write the number to the pipe."""


def _ignore() -> None:
    """Ignores signals from here on: all is done, and what Python does last would leave them to the system."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def _forget() -> None:
    """Restores Python's handlers in a forked process, whose signals are no business of this one."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
