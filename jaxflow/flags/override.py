"""An experiment's fields as command-line flags: --FIELD=VALUE, typed, and --FIELD=CLASS for its parts."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence

import tyro

from jaxflow.errors import UserError, program_name
from jaxflow.experiment import Experiment
from jaxflow.flags.choose import choose
from jaxflow.flags.hints import hint_for_unknown
from jaxflow.flags.values import check_values
from jaxflow.serialization import to_json


def override(experiment: Experiment, flags: Sequence[str], others: Sequence[str] = ()) -> Experiment:
    """Returns an experiment with the fields that flags name changed.

    Args:
      experiment: the experiment as its file has it.
      flags: for example ["--model.dropout=0.2", "--model.widths", "32", "64", "--optimizer=SGD", "--augment+=Flip"].
      others: names of the command's other flags, which may have been meant.

    Returns:
      The changed experiment.

    Raises:
      UserError: a flag names no field or its value does not fit; the nearest field is suggested.
    """
    to_json(experiment)  # raises a clear error for values that tyro cannot handle
    chosen, rest = choose(experiment, flags)
    check_values(chosen, rest)
    rest = [word.removesuffix("=()") for word in rest if word != "()"]  # tyro reads no values as an empty tuple
    try:
        changed, unknown = _parse(chosen, rest)
    except _TyroError as error:
        raise UserError(f"{error}; {program_name()} --config FILE --help lists every field") from None
    if unknown:
        raise UserError(hint_for_unknown(chosen, unknown[0], others))
    return changed


class _TyroError(Exception):
    """The text that tyro printed before it asked to exit."""


def _parse(experiment: Experiment, flags: Sequence[str]) -> tuple[Experiment, list[str]]:
    printed = io.StringIO()
    try:
        with (
            _wide_terminal(),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(action="ignore"),
        ):
            return tyro.cli(
                Experiment,
                args=flags,
                default=experiment,
                use_underscores=True,
                return_unknown_args=True,
                # Booleans take a value, and a part that may be None is no subcommand: one grammar for every field.
                config=(tyro.conf.FlagConversionOff, tyro.conf.AvoidSubcommands),
            )
    except SystemExit:
        raise _TyroError(_first_line(printed.getvalue())) from None


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
