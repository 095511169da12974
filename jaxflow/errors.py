"""The one exception that a user is meant to read."""


class UserError(Exception):
    """A mistake in what was asked for: its one line says what is wrong, where, and what to do.

    launch.py prints it without a traceback and exits with status 2; library users can catch it.
    """
