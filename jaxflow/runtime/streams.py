"""Standard output and standard error that may go away: a closed pipe or a full disk never stops a command."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence

# Verbs whose output is what they are for.
PRINTING = ("generate", "replay")


class Stream(io.TextIOWrapper):
    """A stream that discards what it is given once it cannot be written to.

    Attributes:
      error: why it cannot be written to; None while it can.
      on_loss: called with the error, once.
    """

    error: OSError | None = None
    on_loss: Callable[[OSError], None] | None = None

    def write(self, text: str, /) -> int:
        """Writes a text."""
        with self._guarded():
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered."""
        with self._guarded():
            super().flush()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())  # what is still buffered goes there, and what libraries in C write
            os.close(nothing)
            if self.error is None:
                self.error = error
                if self.on_loss is not None:
                    self.on_loss(error)


def guard_streams(words: Sequence[str]) -> Stream:
    """Replaces sys.stdout and sys.stderr by streams that may go away, and opens those that are closed.

    A file that is opened while descriptor 1 or 2 is free would get that number, and what libraries in C print would be
    written into it.

    Args:
      words: the command line, without the program's name.

    Returns:
      The standard output.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):  # a write to 1 fails: it is missed
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            continue
        os.open(os.devnull, mode)  # the lowest that is free
    sys.stderr = sys.__stderr__ = _guarded(sys.stderr, 2)
    sys.stdout = sys.__stdout__ = output = _guarded(sys.stdout, 1)
    if not prints(words):
        output.on_loss = _tell_of_loss
    return output


def prints(words: Sequence[str]) -> bool:
    """Returns whether what a command line prints is what it is for."""
    return words[:1] in [[verb] for verb in PRINTING] or bool({"--help", "-h"} & set(words))


def check_output(output: Stream, status: int, words: Sequence[str]) -> int:
    """Writes what is buffered, and returns the exit status: 2 where what a command was for could not be written.

    Args:
      output: from `guard_streams`.
      status: the command's own exit status.
      words: its command line, without the program's name.
    """
    output.flush()
    error = output.error
    if error is not None and prints(words) and error.errno != errno.EPIPE:  # a reader that has enough is no error
        print(f"error: cannot write to standard output: {error.strerror}", file=sys.stderr)
        status = status or 2
    sys.stderr.flush()
    return status


def _guarded(stream: io.TextIOBase | None, descriptor: int) -> Stream:
    if not isinstance(stream, io.TextIOWrapper):  # closed, or replaced by somebody else
        raw = io.FileIO(descriptor, "w", closefd=False)
        return Stream(io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True)
    # A name that the terminal's encoding lacks is written with backslashes: it must not end a command.
    errors = "backslashreplace" if stream.errors in ("strict", "surrogateescape") else stream.errors
    settings = stream.encoding, errors, None, stream.line_buffering, stream.write_through
    stream.flush()
    return Stream(stream.detach(), *settings)


def _tell_of_loss(error: OSError) -> None:
    print(f"warning: standard output is gone ({error.strerror}); going on without messages", file=sys.stderr)
