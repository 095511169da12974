"""From a command line to a verb: parsing, help, errors and the exit status."""

import argparse
import contextlib
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from jaxflow.commands.arguments import COMMON, DEVICES, EXPERIMENT, PROCESSES, Flag, names_of_flags
from jaxflow.commands.help import help_text
from jaxflow.commands.verbs import NO_VERB, check_flag, check_spelling, check_stray, check_verb, import_verb, verbs
from jaxflow.errors import StoppedError, UserError, program_name
from jaxflow.runtime.signals import before_end, describe, exit_status, last_signal, resumes
from jaxflow.runtime.starting import no_devices, starting_jax


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Args:
      argv: the words after the program's name; without it those of this process.

    Returns:
      The exit status.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        verb, arguments = parse(argv)
        if arguments.help:
            print(help_text(verb, arguments))
            return 0
        if getattr(arguments, "local_processes", None) is not None:
            return _restart_locally(arguments, argv)
        with starting_jax():
            _prepare_process(arguments)
    except UserError as error:
        return _report(error)
    except KeyboardInterrupt:
        return _report_signal(argv)
    return execute(verb, arguments)


def execute(verb: str, arguments: argparse.Namespace) -> int:
    """Runs a verb and reports errors.

    Args:
      verb: its name.
      arguments: as `parse` returns them.

    Returns:
      The exit status.
    """
    from jaxflow.console import hide_messages, show_messages
    from jaxflow.file_io import remove_unfinished
    from jaxflow.runtime.distributed import abort, is_main
    from jaxflow.runtime.startup import check_device
    from jaxflow.user_code import blamed

    before_end.append(remove_unfinished)
    try:
        if hasattr(arguments, "coordinator"):
            _join(arguments)
        if arguments.device:
            check_device(arguments.device)
        with hide_messages() if arguments.quiet or not is_main() else show_messages():
            import_verb(verb).run(arguments)
        return 0
    except UserError as error:
        status = _report(error, arguments.debug)
    except StoppedError as stopped:
        anew = "" if resumes(arguments.words) else ", without --overwrite, which would begin anew"
        print(f"{stopped}{anew}", file=sys.stderr)
        return exit_status(last_signal(), arguments.words)
    except KeyboardInterrupt:  # as a library, or in a notebook: a process of its own is ended by `listen`
        status = _report_signal(arguments.words)
    except BaseException as error:  # not left to Python: other processes would wait for this one
        mistake = blamed(error) or no_devices(error)
        if mistake is None:
            traceback.print_exc()
        status = 1 if mistake is None else _report(mistake, arguments.debug, error)
    return abort(status)


def parse(argv: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """Splits a command line into the verb, its own flags, and flags for fields of the experiment.

    Args:
      argv: the words after the program's name.

    Returns:
      The verb's name; its flags by name, with `help`, `operands`, the words that are no flags where the verb takes
      such, `overrides`, the flags of the experiment's fields, and `words`, the whole command line.

    Raises:
      UserError: there is no such verb or flag, or a flag's value does not fit.
    """
    verb = check_verb(argv[0]) if argv and not argv[0].startswith("-") else NO_VERB
    flags = (*COMMON, *import_verb(verb).FLAGS)
    parser = _Parser(add_help=False, allow_abbrev=False)
    for flag in flags:
        if flag.metavar:
            parser.add_argument(f"--{flag.name}", default=flag.default)
        else:
            parser.add_argument(f"--{flag.name}", action="store_true")
    parser.add_argument("--help", "-h", action="store_true")
    try:
        arguments, rest = parser.parse_known_args(argv[1:] if argv[:1] == [verb] else argv)
    except argparse.ArgumentError as error:
        raise UserError(f"{error}; {program_name()} {verb} --help lists the flags") from None
    operands: list[str] = []
    if getattr(import_verb(verb), "OPERANDS", ""):
        operands = [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    for before, word in zip(("", *rest), rest):
        of_field = before.startswith("--") and "=" not in before  # --data.target train
        if word in verbs() and not of_field:
            raise UserError(f"the verb comes first: {program_name()} {word} ...")
    if rest:
        check_stray(rest[0], verb)
    if rest and not set(EXPERIMENT) <= set(flags):
        check_flag(rest[0], verb)
        check_spelling(rest[0], names_of_flags(verb))
        raise UserError(f"no flag {rest[0]}; {program_name()} {verb} --help lists the flags")
    for flag in flags:
        _convert(arguments, flag)
    if arguments.device not in (None, *DEVICES):
        raise UserError(f"--device is {arguments.device}; it is cpu, gpu or tpu")
    for flag in EXPERIMENT:
        if getattr(arguments, flag.name, None) == "":  # as of a variable that is not set
            raise UserError(f"--{flag.name} is empty; it takes {flag.metavar}")
    if set(EXPERIMENT) <= set(flags) and not (arguments.config or arguments.workdir or arguments.help):
        for word in rest:
            check_spelling(word, names_of_flags(verb))
        if verb == "run" and not rest:  # nothing was said at all: what there is to say
            print(help_text(verb, arguments))
        raise UserError("say what to run: --config FILE, or --workdir DIR for a run that exists")
    arguments.verb, arguments.operands, arguments.overrides, arguments.words = verb, operands, rest, list(argv)
    return verb, arguments


class _Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of printing them and ending the process."""

    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)


def _convert(arguments: argparse.Namespace, flag: Flag) -> None:
    """Converts a flag's value from text."""
    name = flag.name.replace("-", "_")
    text = getattr(arguments, name)
    if isinstance(text, str):
        try:
            setattr(arguments, name, flag.kind(text))
        except ValueError:
            raise UserError(f"--{flag.name} is {text}; it takes a number") from None


def _restart_locally(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    """Starts this command again as several processes."""
    from jaxflow.runtime.local_processes import run_here

    if arguments.coordinator or arguments.num_processes or arguments.process_id or arguments.secret_file:
        others = ", ".join(f"--{flag.name}" for flag in PROCESSES if flag.name != "local-processes")
        raise UserError(f"--local-processes says all; leave out {others}")
    at = [word.partition("=")[0] for word in argv].index("--local-processes")
    rest = [*argv[:at], *argv[at + (1 if "=" in argv[at] else 2) :]]
    return run_here(rest, arguments.local_processes)


def _join(arguments: argparse.Namespace) -> None:
    """Joins this process to the others of its run; process 0 says where they keep it waiting."""
    from jaxflow.console import show_messages
    from jaxflow.runtime.joining import join

    silent = arguments.quiet or arguments.process_id not in (None, "0")
    with contextlib.nullcontext() if silent else show_messages():
        join(arguments.coordinator, arguments.num_processes, arguments.process_id, arguments.secret_file)


def _prepare_process(arguments: argparse.Namespace) -> None:
    """Applies the settings of the process that must precede the start of JAX."""
    from jaxflow.data.storage.cache import cache_folder
    from jaxflow.runtime.startup import (
        choose_device,
        enable_compilation_cache,
        quiet_libraries,
        relax_gc,
        tune_allocator,
    )

    relax_gc()
    quiet_libraries()
    tune_allocator()
    if arguments.device:
        choose_device(arguments.device)
    if not arguments.no_cache:
        enable_compilation_cache(cache_folder() / "programs")


def _report_signal(argv: Sequence[str]) -> int:
    """Prints what Ctrl-C did in one line and returns the exit status."""
    print(describe(signal.SIGINT, argv), file=sys.stderr)
    return exit_status(signal.SIGINT, argv)


def _report(error: UserError, debug: bool = False, cause: BaseException | None = None) -> int:
    """Prints the user's mistake in one line, with --debug the traceback of what caused it, and returns the status."""
    from jaxflow.console import error_text

    print(f"error: {error_text(error)}", file=sys.stderr)
    if debug and (cause := cause or error.__cause__):
        traceback.print_exception(cause)
    return 2
