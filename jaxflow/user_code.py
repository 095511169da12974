"""Calls into a user's code: errors in one line that names the line of the code, and files without side effects."""

import contextlib
import dataclasses
import difflib
import importlib
import io
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
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
    if isinstance(error, SystemExit):
        return f"{line}: asks the process to exit; an experiment file only describes a run: take it out"
    text, hint = next(filter(str.strip, str(error).splitlines()), ""), ""
    if isinstance(error, ImportError | AttributeError | TypeError) and (meaning := explain_slip(text)):
        return f"{line}: {meaning}"
    if type(error) is NameError and error.name:
        hint = _unknown_name(error.name)
    return f"{line}: {type(error).__name__}: {text[:300]}{hint}"


def explain_slip(text: str) -> str | None:
    """Returns what is wrong, and what to write, for Python's text of an error that a slip causes; None for others."""
    return _absent_name(text) or _absent_module(text) or _unknown_field(text) or _lacking_field(text)


def _absent_name(text: str) -> str | None:
    where = r"(jaxflow(?:\.\w+)?)"
    found = re.search(rf"cannot import name '(?P<name>\w+)' from '{where}'", text)
    found = found or re.search(rf"module '{where}' has no attribute '(?P<name>\w+)'", text)
    if not found:
        return None
    name, home = found["name"], found[1] if found[1].startswith("jaxflow") else found[2]
    family = home.partition(".")[2]
    if home != "jaxflow" and family not in jaxflow.FAMILIES:
        return None
    before = {path.partition(":")[2]: now for path, now in CLASSES.items()}
    near = _nearest_place(name, family) if family else before.get(name) or _nearest_place(name, "")
    return f"{home} has no {name}" + (f"; perhaps you meant {near}" if near else "")


def _unknown_name(name: str) -> str:
    """Returns what to write for a name that a file does not know, as the end of a line; "" where nothing is like it."""
    near = f"jaxflow.{(_nearest_place(name, '') or '').removeprefix('jaxflow.')}"
    home, _, public = near.rpartition(".")
    meant = f"; perhaps you meant {public}: " if public != name else "; "
    return f"{meant}from {home} import {public}" if public else ""


def _nearest_place(name: str, family: str) -> str | None:
    """Returns the public name that is meant, as it is written after a home's dot; "" is the home jaxflow itself."""
    families = {each: importlib.import_module(home).__all__ for each, home in jaxflow.FAMILIES.items()}
    here = families[family] if family else jaxflow.__all__
    if near := _equal(name, here):
        return near
    elsewhere = {each: names for each, names in families.items() if each != family}
    for home, names in (elsewhere | ({"": jaxflow.__all__} if family else {})).items():
        if near := _equal(name, names):
            return f"{f'jaxflow.{home}' if home else 'jaxflow'}.{near}"
    return _nearest(name, here)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns the name that is meant by one that is not known: the same in other letters' case first; None for none."""
    known = list(known)
    return _equal(name, known) or next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _equal(name: str, known: Iterable[str]) -> str | None:
    return next((each for each in known if each.lower() == name.lower()), None)


def _absent_module(text: str) -> str | None:
    found = re.search(r"No module named 'jaxflow\.(\w+)", text)
    if not found:
        return None
    homes = ", ".join(f"jaxflow.{family}" for family in jaxflow.FAMILIES)
    near = _nearest(found[1], jaxflow.FAMILIES)
    hint = f"perhaps you meant jaxflow.{near}" if near else f"names come from jaxflow itself, and from {homes}"
    return f"jaxflow has no module {found[1]}; {hint}"


def _fields(name: str) -> list[dataclasses.Field]:
    """Returns the fields of a public class that may be written; [] where there is no such class."""
    kind = getattr(jaxflow, name) if name in jaxflow.__all__ else None
    for family in jaxflow.FAMILIES if kind is None else ():
        kind = kind or getattr(getattr(jaxflow, family), name, None)
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    return [field for field in fields if field.init and field.name != "parent"]


def _unknown_field(text: str) -> str | None:
    found = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text)
    known = [field.name for field in _fields(found[1])] if found else []
    if not found or not known:
        return None
    near = (OTHER_NAMES | FIELDS.get(found[1], {})).get(found[2])
    near = near if near in known else _nearest(found[2], known)
    hint = f"perhaps you meant {near}" if near else f"it has {', '.join(known)}"
    return f"{found[1]} has no field {found[2]}; {hint}"


def _lacking_field(text: str) -> str | None:
    found = re.search(r"(\w+)\.__init__\(\) missing \d+ required positional arguments?: (.*)", text)
    if not found or not _fields(found[1]):
        return None
    lacking = re.findall(r"'(\w+)'", found[2])
    example = ", ".join(f"{name}=..." for name in lacking)
    return f"{found[1]} lacks {' and '.join(lacking)}; write {found[1]}({example})"


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
