"""The one exception that a user is meant to read."""


class UserError(Exception):
    """A mistake in what was asked for: its one line says what is wrong, where, and what to do.

    launch.py prints it without a traceback and exits with status 2; library users can catch it.
    """


class StoppedError(Exception):
    """A run that was asked to stop and has saved all that it did: launching it again goes on from there.

    launch.py exits with status 75 (EX_TEMPFAIL), which says to a scheduler: try again.
    """
