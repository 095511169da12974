"""The exceptions that are meant for users."""

# What a process says to a scheduler when it can be started again (EX_TEMPFAIL of sysexits.h).
RESUMABLE = 75


class UserError(Exception):
    """A mistake in what was asked for: its one line says what is wrong, where, and what to do.

    launch.py prints it without a traceback and exits with status 2; library users can catch it.
    """


class StoppedError(Exception):
    """A run that was asked to stop and has saved all that it did: launching it again goes on from there.

    launch.py exits with status RESUMABLE.
    """
