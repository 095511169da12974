"""What --help prints: a verb's flags, and those of the experiment's fields where one is selected."""

import argparse
import shutil
import textwrap
from collections.abc import Mapping

from jaxflow.commands.arguments import COMMON, EXPERIMENT, select_experiment
from jaxflow.commands.verbs import NO_VERB, import_verb, title, verbs
from jaxflow.errors import program_name

STATUS = (
    "exit status: 0 done, 2 a mistake in what was asked for, 75 stopped by a signal, and the same command resumes "
    "where it stopped, 130 (Ctrl-C) or 143 (SIGTERM) stopped where it would begin again, 1 anything else"
)
# Columns of a flag with its value; what it means stands to the right of them.
FLAG_COLUMNS = 28


def help_text(verb: str, arguments: argparse.Namespace) -> str:
    """Writes the help of a verb; where an experiment is selected, of all its fields too.

    Args:
      verb: its name; for that of no verb, all verbs are listed.
      arguments: the parsed flags, for the experiment that they select.

    Returns:
      Text of several lines, as wide as the terminal.
    """
    module, name = import_verb(verb), "" if verb == NO_VERB else f" {verb}"
    width = max(50, min(120, shutil.get_terminal_size().columns))
    takes_experiment = set(EXPERIMENT) <= set(module.FLAGS)
    fields = " [--FIELD=VALUE ...]" if takes_experiment else ""
    if operands := getattr(module, "OPERANDS", ""):
        fields = f" {operands}"
    lines = [f"usage: {program_name()}{name or ' [VERB]'} [FLAGS]{fields}", ""]
    if verb == NO_VERB:
        lines += entries({title(other): import_verb(other).HELP for other in sorted(verbs(), key=title)}, width, 12)
        lines += ["", *textwrap.wrap(f"{program_name()} VERB --help lists a verb's own flags", width), ""]
    else:
        lines += [*textwrap.wrap(module.HELP, width), ""]
    shown = {f"--{flag.name} {flag.metavar}": flag.help for flag in (*module.FLAGS, *COMMON)}
    selected = takes_experiment and (arguments.config or arguments.workdir)
    if takes_experiment:
        where = "listed above" if selected else "--config FILE --help lists them all"
        shown["--FIELD=VALUE"] = f"change any field of the experiment; {where}"
    if selected:
        lines += [*_fields(arguments, width), ""]
    if selected or verb == NO_VERB:
        lines += ["flags without a verb" if verb == NO_VERB else "flags of the command"]
    lines += [*entries(shown, width, FLAG_COLUMNS), "", *textwrap.wrap(STATUS, width)]
    return "\n".join(lines)


def entries(texts: Mapping[str, str], width: int, columns: int) -> list[str]:
    """Formats names with what they mean beside them, or below a name that is too long.

    Args:
      texts: by name.
      width: columns of a line.
      columns: those of a name.

    Returns:
      The lines, names indented by two.
    """
    lines = []
    for name, text in texts.items():
        below = textwrap.wrap(text, width - columns - 3, break_long_words=False) or [""]
        if len(name) > columns:
            lines.append(f"  {name}")
        else:
            lines.append(f"  {name:<{columns}} {below.pop(0)}".rstrip())
        lines += [f"{'':{columns + 3}}{line}" for line in below]
    return lines


def _fields(arguments: argparse.Namespace, width: int) -> list[str]:
    """Returns the help of an experiment's fields, as lines."""
    from jaxflow.console import printable
    from jaxflow.flags.describe import describe

    experiment, workdir, source = select_experiment(arguments)
    lines = textwrap.wrap(f"The experiment of {source or workdir}, each field with its value there:", width)
    for section in describe(experiment):
        about = textwrap.wrap(section.text, width - 2, initial_indent="  ", subsequent_indent="  ")
        lines += ["", section.title, *about, *entries(section.flags, width, FLAG_COLUMNS)]
    return printable("\n".join(lines)).splitlines()
