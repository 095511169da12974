"""Exceptions for users, and the program's name in their messages."""

import itertools
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

# Exit status of a process that can be started again: EX_TEMPFAIL of sysexits.h, which schedulers know.
RESUMABLE = 75


class UserError(Exception):
    """A mistake of the user: the message is one line with what is wrong, where, and what to do.

    A command prints it without a traceback and exits with status 2; library users can catch it.
    """


class DamagedError(UserError):
    """A file that is not what was written: a checkpoint whose digests do not match."""


class StoppedError(Exception):
    """A run that was asked to stop and has saved its state: launching it again resumes it.

    A command exits with status RESUMABLE.
    """


def program_name() -> str:
    """Returns how the running program is called: "python launch.py" or "jaxflow"."""
    return "python launch.py" if Path(sys.argv[0]).name == "launch.py" else "jaxflow"


def command_line() -> str:
    """Returns the words that start this program again from the folder in which it was started, for a shell."""
    script, interpreter = sys.argv[0], sys.orig_argv[0]
    if Path(script).name == "launch.py":
        return f"{shlex.quote(interpreter)} {shlex.quote(script)}"
    found = shutil.which("jaxflow")
    if Path(script).name != "jaxflow" or (found and os.path.samefile(found, script)):
        return "jaxflow"
    return shlex.quote(script)


def listed(names: Iterable[str], most: int = 20, between: str = ", ") -> str:
    """Returns names for a message, the first of them where there are many."""
    first = list(itertools.islice(names, most + 1))
    return between.join(first[:most]) + (f"{between}..." if len(first) > most else "")


def reason(error: Exception) -> str:
    """Returns what an exception of another library says, in one line."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
