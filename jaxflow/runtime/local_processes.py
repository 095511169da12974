"""Several processes of one run on this machine: for trying out here what later runs on many machines."""

import collections
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from jaxflow.errors import RESUMABLE, UserError
from jaxflow.ranges import whole_number
from jaxflow.runtime.secret import VARIABLE, new_secret
from jaxflow.runtime.signals import describe, exit_status, heard_at_once

# Seconds that the others have to end by themselves, and to report what happened to them, when one has failed.
GRACE_TIMEOUT_S = 5.0
# Exit statuses that are no failure: done, and stopped by a signal with all saved.
SUCCESS = (0, RESUMABLE)
PR_SET_PDEATHSIG = 1  # of prctl(2)
# More than any machine runs at a time.
MAX_PROCESSES = 1024
# Of a path there are 107 bytes in the address of a socket on Linux, and 103 on macOS.
MAX_PATH_BYTES = 70

Lines = collections.deque[str]


def run_here(words: Sequence[str], count: str) -> int:
    """Runs this program as `count` processes that join each other, and waits for them.

    The output of process 0 is shown. Of the others only what the first to fail writes to standard error is, if
    process 0 has not written the same. Signals are passed on; a second one ends all. No process outlives this one.

    Args:
      words: its command line; each process gets the flags by which it joins the others, too.
      count: how many processes.

    Returns:
      The worst exit status: that of the first process that failed, 1 where it was ended by a signal; else that of
      stopped ones, and 0.

    Raises:
      UserError: `count` is no number of processes.
    """
    number = whole_number(count)
    if number is None or not 0 < number <= MAX_PROCESSES:
        raise UserError(f"--local-processes is {count[:40]}; it must be 1 or more, and at most {MAX_PROCESSES:,}")
    # In a folder of this user's own: others cannot connect to what is in it.
    with tempfile.TemporaryDirectory(prefix="jaxflow-", dir=_temporary_folder()) as folder:
        settings = {"JAX_COORDINATOR_BIND_ADDRESS": f"unix:{folder}/coordinator", VARIABLE: new_secret()}
        return _run(words, [_flags(settings, number, process) for process in range(number)], settings)


def _run(words: Sequence[str], flags: Sequence[Sequence[str]], settings: Mapping[str, str]) -> int:
    children: list[subprocess.Popen] = []
    said: list[Lines] = [collections.deque(maxlen=1000) for _ in flags]
    signals: list[int] = []

    def pass_on(number: int) -> None:
        signals.append(number)
        for child in children:
            if len(signals) > 1:
                _end(child)
            elif child.poll() is None:
                child.send_signal(signal.SIGTERM)  # Ctrl-C too: a process that has just begun would print a traceback

    try:
        for process, own in enumerate(flags):
            children.append(_start([sys.executable, sys.argv[0], *words, *own], settings, process))
        with heard_at_once(pass_on):
            readers = [
                threading.Thread(target=_read, args=(child.stderr, lines, process == 0), daemon=True)
                for process, (child, lines) in enumerate(zip(children, said))
            ]
            for reader in readers:
                reader.start()
            ended = _wait(children)
            for reader in readers:
                reader.join(timeout=2.0)
    finally:
        for child in children:
            _end(child)
            child.wait()
    return _stopped(words, signals, ended, said) if signals else _outcome(ended, said)


def _stopped(words: Sequence[str], signals: Sequence[int], ended: Mapping[int, int], said: Sequence[Lines]) -> int:
    """Returns the exit status of processes that a signal was passed on to."""
    if len(signals) > 1:
        return 128 + signals[-1]
    status = exit_status(signals[0], words)
    # Those that had not begun to listen died of the signal, and one that loses another aborts.
    stopped = {RESUMABLE, 128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGABRT}
    if not stopped & set(ended.values()) or set(ended.values()) - stopped - {0}:
        return _outcome(ended, said)
    if not any("stopped " in line for line in said[0]):
        print(describe(signals[0], words), file=sys.stderr)
    return status


def _outcome(ended: Mapping[int, int], said: Sequence[Lines]) -> int:
    """Returns the exit status of processes that ended by themselves, and shows what the first that failed said."""
    failed = [process for process, status in ended.items() if status not in SUCCESS]
    if not failed:
        return max(ended.values())
    # A process that loses another aborts: it is blamed only if there is no other to blame.
    first = min(failed, key=lambda process: ended[process] == -signal.SIGABRT)
    if first != 0 and ended[first] not in (-signal.SIGKILL, -signal.SIGTERM):
        for line in [line for line in said[first] if line not in said[0]][-30:]:
            print(f"process {first}: {line}", end="", file=sys.stderr)
    if ended[first] < 0:
        name = signal.Signals(-ended[first]).name
        print(f"process {first} was ended by {name}, so all were; launch again to resume", file=sys.stderr)
    return max(ended[first], 1)


def _flags(settings: Mapping[str, str], count: int, process: int) -> list[str]:
    coordinator = settings["JAX_COORDINATOR_BIND_ADDRESS"]
    return [f"--coordinator={coordinator}", f"--num-processes={count}", f"--process-id={process}"]


def _start(command: Sequence[str], settings: Mapping[str, str], process: int) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        # On a machine with GPUs each process has one.
        env={"JAX_LOCAL_DEVICE_IDS": str(process)} | os.environ | settings,
        stdout=None if process == 0 else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # A separate process group: what the terminal sends arrives once, from here, and its children end with it.
        process_group=0,
        preexec_fn=_die_with_parent(),
    )


def _temporary_folder() -> str:
    """Returns the folder for temporary files; where its path is too long for a socket in it, /tmp."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= MAX_PATH_BYTES else "/tmp"


def _die_with_parent() -> Callable[[], None] | None:
    """Returns what a child runs first: it asks Linux to be killed when its parent dies, however that dies."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return None if prctl is None else lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _read(stream: IO[str], lines: Lines, shown: bool) -> None:
    with stream:
        for line in stream:
            lines.append(line)
            if shown:
                sys.stderr.write(line)
                sys.stderr.flush()


def _wait(children: Sequence[subprocess.Popen]) -> dict[int, int]:
    """Waits for all processes; where one fails or stops the others are ended soon after, since they would wait for it.

    Returns:
      The status of each process that ended by itself, the first to end first.
    """
    ended: dict[int, int] = {}
    deadline = float("inf")
    while len(ended) < len(children) and time.monotonic() < deadline:
        for process, child in enumerate(children):
            if process not in ended and child.poll() is not None:
                ended[process] = child.returncode
                # Stopped processes stop together: one that is not with them hangs.
                grace = {0: float("inf"), RESUMABLE: 6 * GRACE_TIMEOUT_S}.get(child.returncode, GRACE_TIMEOUT_S)
                deadline = min(deadline, time.monotonic() + grace)
        time.sleep(0.02)
    return ended


def _end(child: subprocess.Popen) -> None:
    """Kills a process with all that it started; there is nothing to save without its peers."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
