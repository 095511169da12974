"""Calls into a user's code: errors in one line that names the line of the code, and files without side effects."""

import contextlib
import dataclasses
import difflib
import io
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jaxflow
from jaxflow.errors import UserError
from jaxflow.legacy import CLASSES, FIELDS
from jaxflow.serialization import FILE_MODULE, classes_of

logger = logging.getLogger("jaxflow")

# What fields are called elsewhere.
OTHER_NAMES = {"lr": "learning_rate", "wd": "weight_decay"}


def blame(path: Path, function: Callable[[], Any]) -> Any:
    """Calls into a user's file and reports what it raises in one line that names the line of the user's code.

    Args:
      path: the experiment file; the line may be one of a file beside it.
      function: what is called.

    Returns:
      What the function returned.

    Raises:
      UserError: it raised something, or asked the process to exit.
    """
    try:
        return function()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except SyntaxError as error:
        raise UserError(f"{error.filename or path}:{error.lineno or 1}: {type(error).__name__}: {error.msg}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: an experiment describes a run, and ends no process
        raise UserError(_in_one_line(error, user_line(error) or f"{path}:1")) from error


def user_line(error: BaseException) -> str | None:
    """Returns "FILE:LINE" of the innermost line of an experiment's own files that an error came from, if it did."""
    line = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith(FILE_MODULE):
            line = f"{frame.f_code.co_filename}:{number}"
    return line


def blamed(error: BaseException) -> UserError | None:
    """Returns the one line for an error that a user's own code raised; None for any other error."""
    line = user_line(error)
    return None if line is None else UserError(_in_one_line(error, line))


def failed(what: str, error: BaseException) -> UserError:
    """Returns the one line for an error of a part of an experiment: the user's own line, or else where it was raised.

    Args:
      what: what failed, for example "model CNN".
      error: what it raised.
    """
    if isinstance(error, UserError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = next(filter(str.strip, str(error).splitlines()), "")[:300]
    return blamed(error) or UserError(
        f"{what} fails: {type(error).__name__}: {text} ({Path(where.filename).name}:{where.lineno})"
    )


def is_own(value: Any) -> bool:
    """Returns whether a value has parts of classes that are not jaxflow's own."""
    return not all(kind.__module__.startswith("jaxflow.") for kind in classes_of(value).values())


@contextmanager
def calling(what: str, value: Any) -> Iterator[None]:
    """Reports what the user's own classes raise in the context in one line.

    Args:
      what: what is called, for example "data Rings".
      value: the part of the experiment that is called; errors of jaxflow's own classes pass as they are.

    Raises:
      UserError: a class of the user's own failed, or was called and did not fit.
    """
    try:
        yield
    except BaseException as error:
        # A generator that is closed here raises GeneratorExit too, which comes from no line of the user's.
        known = isinstance(error, Exception | SystemExit) or user_line(error) is not None
        if isinstance(error, UserError | KeyboardInterrupt) or not known or not is_own(value):
            raise
        raise failed(what, error) from error


def _in_one_line(error: BaseException, line: str) -> str:
    text = next(filter(str.strip, str(error).splitlines()), "")
    if isinstance(error, SystemExit):
        return f"{line}: asks the process to exit; an experiment file only describes a run: take it out"
    absent = re.search(r"(?:cannot import name|module 'jaxflow' has no attribute) '(\w+)'", text)
    if absent and "'jaxflow'" in text:
        before = {path.partition(":")[2]: name for path, name in CLASSES.items()}
        near = before.get(absent[1]) or next(iter(difflib.get_close_matches(absent[1], jaxflow.__all__, n=1)), None)
        return f"{line}: jaxflow has no {absent[1]}" + (f"; perhaps you meant {near}" if near else "")
    unknown = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text)
    kind = getattr(jaxflow, unknown[1], None) if unknown and unknown[1] in jaxflow.__all__ else None
    if unknown and dataclasses.is_dataclass(kind):
        known = [field.name for field in dataclasses.fields(kind) if field.init and field.name != "parent"]
        near = (OTHER_NAMES | FIELDS.get(unknown[1], {})).get(unknown[2])
        near = near if near in known else next(iter(difflib.get_close_matches(unknown[2], known, n=1)), None)
        hint = f"perhaps you meant {near}" if near else f"it has {', '.join(known)}"
        return f"{line}: {unknown[1]} has no field {unknown[2]}; {hint}"
    return f"{line}: {type(error).__name__}: {text[:300]}"


@contextmanager
def describing_only(path: Path) -> Iterator[None]:
    """Checks that an experiment file only describes a run: what it prints is logged, and it changes nothing else.

    Raises:
      UserError: the file left the working directory, settings of JAX or a thread other than it found them.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the working directory was removed; go to one that exists") from error
    settings, threads = _jax_settings(), set(threading.enumerate())
    printed, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO()  # who reads from it would wait for ever
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        sys.stdin = stdin
        moved = os.getcwd() != folder
        os.chdir(folder)
    if printed.getvalue().strip():
        logger.info(f"{path} prints: {' '.join(printed.getvalue().split())}")
    if moved:
        raise UserError(f"{path} changes the working directory; an experiment file only describes a run: take it out")
    if changed := sorted(name for name, value in _jax_settings().items() if settings.get(name) != value):
        raise UserError(f"{path} changes {changed[0]}; set it in the environment, before Python starts")
    if running := [t.name for t in threading.enumerate() if t not in threads and not t.daemon]:
        raise UserError(f"{path} starts the thread {running[0]}; an experiment file only describes a run: take it out")


def _jax_settings() -> dict[str, Any]:
    """Returns the environment's and the process's settings of JAX."""
    jax = sys.modules.get("jax")
    settings = dict(jax.config.values) if jax else {}
    return settings | {name: value for name, value in os.environ.items() if name.startswith(("JAX_", "XLA_", "CUDA_"))}
