"""The first lines of a command: signals and streams are looked after before anything else is imported."""

import sys
from collections.abc import Sequence

from jaxflow.runtime.signals import listen
from jaxflow.runtime.streams import check_output, guard_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line as a process of its own.

    Args:
      argv: the words after the program's name; without it those of this process.

    Returns:
      The exit status.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    output = guard_streams(words)  # first: a pipe would take the number of a stream that is closed
    listen(words)
    from jaxflow.commands.main import main as run

    return check_output(output, run(words), words)
