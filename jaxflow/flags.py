"""An experiment's fields as command-line flags: --FIELD=VALUE, typed, with help from the docstrings."""

import contextlib
import difflib
import io
import os
import warnings
from collections.abc import Iterator, Sequence

import tyro

from jaxflow.errors import UserError, program_name
from jaxflow.experiment import Experiment
from jaxflow.serialization import flatten, to_json


def override(experiment: Experiment, flags: Sequence[str]) -> Experiment:
    """Returns an experiment with the fields that flags name changed.

    Args:
      experiment: the experiment as its file has it.
      flags: for example ["--model.dropout=0.2", "--model.widths", "32", "64"].

    Returns:
      The changed experiment.

    Raises:
      UserError: a flag names no field or its value does not fit; the nearest field is suggested.
    """
    to_json(experiment)  # raises a clear error for values that tyro cannot handle
    try:
        changed, unknown = _parse(experiment, flags)
    except _TyroError as error:
        raise UserError(f"{error}; {program_name()} --config FILE --help lists every field") from None
    if unknown:
        raise UserError(_unknown(experiment, unknown[0]))
    return changed


def describe(experiment: Experiment, prog: str) -> str:
    """Returns the help text of every field: type, docstring and default.

    Args:
      experiment: the experiment whose values are the defaults.
      prog: how the command is called.

    Returns:
      Text of several lines.
    """
    try:
        _parse(experiment, ["--help"], prog)
    except _TyroError as error:
        return str(error)
    raise AssertionError("tyro's --help always exits")


class _TyroError(Exception):
    """The text that tyro printed before it asked to exit."""


def _parse(experiment: Experiment, flags: Sequence[str], prog: str = "") -> tuple[Experiment, list[str]]:
    printed = io.StringIO()
    try:
        with (
            contextlib.nullcontext() if "--help" in flags else _wide_terminal(),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(action="ignore"),
        ):
            return tyro.cli(
                Experiment,
                args=flags,
                default=experiment,
                prog=prog,
                use_underscores=True,
                return_unknown_args=True,
                # Booleans take a value, and a part that may be None is no subcommand: one grammar for every field.
                config=(tyro.conf.FlagConversionOff, tyro.conf.AvoidSubcommands),
            )
    except SystemExit:
        text = printed.getvalue()
        raise _TyroError(text if "--help" in flags else _first_line(text)) from None


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    """Widens the terminal that tyro sees, so that an error's message is one line of its box and not several."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "10000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _first_line(box: str) -> str:
    """Returns the message in the box that tyro draws around it, in Unicode or in ASCII; the title comes first."""
    lines = [line.strip("│╭╮╰╯─| -") for line in box.splitlines()]
    title, *message = [line for line in lines if line]
    return (message or [title])[0].removeprefix("Error parsing ")


def _unknown(experiment: Experiment, flag: str) -> str:
    name = flag.lstrip("-").partition("=")[0].replace("-", "_")
    fields = [field for field, _ in flatten(experiment)]
    if name in ("preprocess", "augment"):
        return (
            f"--{name} holds objects; write them in the experiment file, for example augment=(jaxflow.Flip(),), and "
            f"change the fields of those there (--{name}.0.FIELD=VALUE)"
        )
    if name in fields:
        return (
            f"--{name} is an object; change its own fields (--{name}.FIELD=VALUE), or the object in the experiment file"
        )
    # The last part counts most: --learning_rate means --optimizer.learning_rate.
    near = [field for field in fields if field.rpartition(".")[2] == name.rpartition(".")[2]]
    near += difflib.get_close_matches(name, fields, n=2, cutoff=0.6)
    hint = f"perhaps you meant --{near[0]}" if near else f"{program_name()} --config FILE --help lists every field"
    return f"no field {flag.partition('=')[0]} in this experiment; {hint}"
