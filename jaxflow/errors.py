"""The exceptions that are meant for users, and the name by which their messages call the program."""

import sys
from pathlib import Path

# What a process says to a scheduler when it can be started again (EX_TEMPFAIL of sysexits.h).
RESUMABLE = 75


class UserError(Exception):
    """A mistake in what was asked for: its one line says what is wrong, where, and what to do.

    A command prints it without a traceback and exits with status 2; library users can catch it.
    """


class StoppedError(Exception):
    """A run that was asked to stop and has saved all that it did: launching it again goes on from there.

    A command exits with status RESUMABLE.
    """


def program_name() -> str:
    """Returns what starts a command of jaxflow here: "python launch.py" where that is what runs, else "jaxflow"."""
    return "python launch.py" if Path(sys.argv[0]).name == "launch.py" else "jaxflow"
