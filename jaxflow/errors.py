"""Exceptions for users, and the program's name in their messages."""

import difflib
import itertools
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

# A folder may hold millions of names; so many are compared with a wrong one.
MAX_COMPARED = 5000
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


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that a misspelt one is like, whatever the case of its letters; None if there is none."""
    by_lower = {each.strip().lower(): each for each in known}
    near = difflib.get_close_matches(name.strip().lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def meant(name: str, known: Iterable[str]) -> str:
    """Returns "; perhaps you meant X" for a misspelt name or several in one, "" where no known one is like it."""
    known, parts = list(known), [part.strip(" '\"()[]") for part in name.split(",")]
    if len(parts) > 1 and {*parts} <= {*known}:
        return f"; perhaps you meant {' and '.join(map(repr, parts))}, each a name of its own"
    near = near_name(name, known)
    return "" if near is None else f"; perhaps you meant {near!r}"


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names, those first that a wrong one is most like, whatever the case of its letters."""
    wanted = difflib.SequenceMatcher(b=name.strip().lower())

    def likeness(each: str) -> float:
        wanted.set_seq1(each.strip().lower())
        return wanted.ratio()

    return sorted(known, key=likeness, reverse=True)


def perhaps(path: Path, fits: Callable[[Path], bool] = Path.exists) -> str:
    """Returns "; perhaps you meant PATH" for a path that is not there; "" where nothing beside it is like it.

    Args:
      path: what was named.
      fits: whether what lies at a path could have been meant.
    """
    try:
        while path != path.parent and not path.parent.is_dir():
            path, fits = path.parent, Path.is_dir  # the first part that is misspelt
        with os.scandir(path.parent) as entries:
            names = {entry.name.lower(): entry.name for entry in itertools.islice(entries, MAX_COMPARED)}
        for near in difflib.get_close_matches(path.name.lower(), names, n=5, cutoff=0.8):
            if fits(path.parent / names[near]):
                return f"; perhaps you meant {path.parent / names[near]}"
    except (OSError, ValueError):  # no such folder, or no name at all
        pass
    return ""


def reason(error: Exception) -> str:
    """Returns what an exception of another library says, in one line."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
