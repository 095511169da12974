"""JAX's preemption service: it lets several processes agree on a step to stop at, and knows of SIGTERM alone.

It installs a handler of SIGTERM in C, past Python, when the processes join, and heeds nothing else. So its handler is
taken out, for signals to be heard as on one process, and called where the service is to be told.
"""

import ctypes
import signal

# Of signal(2): the default, and none.
SIG_DFL, SIG_IGN = None, 1
_handlers: list[int] = []  # JAX's, once it was found


def take_sigterm() -> None:
    """Replaces JAX's handler of SIGTERM, where there is one, by Python's; call it in the main thread."""
    before = signal.getsignal(signal.SIGTERM)  # Python's: it knows nothing of JAX's
    found = _set_handler(signal.SIGTERM, SIG_DFL)
    signal.signal(signal.SIGTERM, before)
    if callable(before):
        python = _set_handler(signal.SIGTERM, SIG_DFL)
        signal.signal(signal.SIGTERM, before)
        if found == python:
            return
    if found not in (SIG_DFL, SIG_IGN):
        _handlers.append(found)


def notify() -> None:
    """Calls JAX's handler, which sets a flag: the processes agree on a step to stop at."""
    if _handlers:
        ctypes.CFUNCTYPE(None, ctypes.c_int)(_handlers[-1])(signal.SIGTERM)


def _set_handler(number: int, handler: int | None) -> int | None:
    """Calls signal(2): sets the address of a handler, and returns the one before."""
    function = ctypes.CDLL(None).signal
    function.argtypes, function.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    return function(number, handler)
