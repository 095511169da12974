"""An experiment's fields as command-line flags: --FIELD=VALUE, typed, with help from the docstrings."""

import contextlib
import difflib
import io
import os
import warnings
from collections.abc import Sequence
from unittest import mock

import tyro

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.serialization import flatten, to_json


def override(experiment: Experiment, flags: Sequence[str]) -> Experiment:
    """Changes fields of an experiment as flags say.

    Args:
      experiment: the experiment as its file has it.
      flags: for example ["--model.dropout=0.2", "--model.widths", "32", "64"].

    Returns:
      The changed experiment.

    Raises:
      UserError: a flag names no field or its value does not fit; the nearest field is suggested.
    """
    to_json(experiment)  # says what fields cannot hold before tyro stumbles over it
    try:
        changed, unknown = _parse(experiment, flags)
    except _TyroError as error:
        raise UserError(f"{error}; launch.py --config FILE --help lists every field") from None
    if unknown:
        raise UserError(_unknown(experiment, unknown[0]))
    return changed


def describe(experiment: Experiment, prog: str) -> str:
    """Writes the help text of every field: type, docstring and default.

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
    """What tyro printed before it wanted to exit."""


def _parse(experiment: Experiment, flags: Sequence[str], prog: str = "launch.py") -> tuple[Experiment, list[str]]:
    printed = io.StringIO()
    # Wide, so that an error of tyro's is one line in its box and not several.
    width = {} if "--help" in flags else {"COLUMNS": "10000"}
    try:
        with (
            mock.patch.dict(os.environ, width),
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


def _first_line(box: str) -> str:
    """Takes the message out of the box that tyro draws around it, in Unicode or in ASCII; the title comes first."""
    lines = [line.strip("│╭╮╰╯─| -") for line in box.splitlines()]
    title, *message = [line for line in lines if line]
    return (message or [title])[0].removeprefix("Error parsing ")


def _unknown(experiment: Experiment, flag: str) -> str:
    name = flag.lstrip("-").partition("=")[0].replace("-", "_")
    fields = [field for field, _ in flatten(experiment)]
    if name in fields:
        return (
            f"--{name} is an object; change its own fields (--{name}.FIELD=VALUE), or the object in the experiment file"
        )
    # The last part counts most: --learning_rate means --optimizer.learning_rate.
    near = [field for field in fields if field.rpartition(".")[2] == name.rpartition(".")[2]]
    near += difflib.get_close_matches(name, fields, n=2, cutoff=0.6)
    hint = f"; perhaps you meant --{near[0]}" if near else "; launch.py --config FILE --help lists every field"
    return f"no field {flag.partition('=')[0]} in this experiment{hint}"
