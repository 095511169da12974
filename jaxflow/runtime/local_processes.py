"""Several processes of one run on this machine: for trying out here what later runs on many machines."""

import collections
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO

from jaxflow.errors import RESUMABLE, UserError

# Seconds that the others have to end by themselves, and to report what happened to them, when one has failed.
GRACE_TIMEOUT_S = 5.0
# Exit statuses that are no failure: done, and stopped by a signal with all saved.
SUCCESS = (0, RESUMABLE)
PR_SET_PDEATHSIG = 1  # of prctl(2)


def run_here(command: Sequence[str], count: str) -> int:
    """Runs a command as `count` processes that join each other, and waits for them.

    The output of process 0 is shown. Of the others only what the first to fail writes to standard error is, if
    process 0 has not written the same. Signals are passed on; a second one ends all. No process outlives this one.

    Args:
      command: what to run; it gets the flags by which it joins the others.
      count: how many processes.

    Returns:
      The worst exit status: that of the first process that failed, 1 where it was ended by a signal; else
      RESUMABLE where one was stopped, and 0.

    Raises:
      UserError: `count` is no number of processes.
    """
    if not count.isdecimal() or int(count) < 1:
        raise UserError(f"--local-processes is {count}; it must be 1 or more")
    return _run(command, int(count), _free_port())


def _run(command: Sequence[str], count: int, port: int) -> int:
    children: list[subprocess.Popen] = []
    said: list[collections.deque[str]] = [collections.deque(maxlen=1000) for _ in range(count)]
    signals: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        for child in children:
            if len(signals) > 1:
                _end(child)
            elif child.poll() is None:
                child.send_signal(number)

    previous = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        children.extend(_start(command, port, count, process) for process in range(count))
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
        for number, handler in previous.items():
            signal.signal(number, handler)
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
        print(f"process {first} was ended by {name}, so all were; launch again to go on", file=sys.stderr)
    return max(ended[first], 1)


def _start(command: Sequence[str], port: int, count: int, process: int) -> subprocess.Popen:
    flags = [f"--coordinator=127.0.0.1:{port}", f"--num-processes={count}", f"--process-id={process}"]
    # The coordinator listens on this machine alone; on a machine with GPUs each process has one.
    settings = {"JAX_COORDINATOR_BIND_ADDRESS": f"127.0.0.1:{port}", "JAX_LOCAL_DEVICE_IDS": str(process)}
    return subprocess.Popen(
        [*command, *flags],
        env=settings | os.environ,
        stdout=None if process == 0 else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # A separate process group: what the terminal sends arrives once, from here, and its children end with it.
        process_group=0,
        preexec_fn=_die_with_parent(),
    )


def _die_with_parent() -> Callable[[], None] | None:
    """Returns what a child runs first: it asks Linux to be killed when its parent dies, however that dies."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return None if prctl is None else lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _read(stream: IO[str], lines: collections.deque[str], shown: bool) -> None:
    for line in stream:
        lines.append(line)
        if shown:
            sys.stderr.write(line)
            sys.stderr.flush()


def _wait(children: Sequence[subprocess.Popen]) -> dict[int, int]:
    """Waits for all processes; where one fails the others are ended soon after, since they would wait for it.

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
