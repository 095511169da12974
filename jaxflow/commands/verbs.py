"""Verbs are found by the names of their files."""

import difflib
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import jaxflow.commands
from jaxflow.errors import UserError, program_name

# What other programs call them.
OTHER_NAMES = {
    "eval": "evaluate",
    "fit": "train",
    "help": "--help",
    "infer": "predict",
    "inference": "predict",
    "resume": "train",
    "sample": "generate",
    "test": "evaluate",
}
NO_VERB = "run"  # the file of the command without a verb
NOT_VERBS = {"arguments", "help", "main", "start", "summary", "verbs"}


def verbs() -> list[str]:
    """Lists the verbs by name, `NO_VERB` among them."""
    files = {module.name for module in pkgutil.iter_modules(jaxflow.commands.__path__)}
    return sorted(name.replace("_", "-") for name in files - NOT_VERBS)


def import_verb(verb: str) -> ModuleType:
    """Imports the module of a verb, which has HELP, FLAGS and run(arguments)."""
    return importlib.import_module(f"jaxflow.commands.{verb.replace('-', '_')}")


def title(verb: str) -> str:
    """Returns the verb's name in help and messages."""
    return "(no verb)" if verb == NO_VERB else verb


def check_verb(word: str) -> str:
    """Returns the word if it is a verb.

    Raises:
      UserError: it is none; the nearest is suggested.
    """
    known = [verb for verb in verbs() if verb != NO_VERB]
    if word not in known:
        if word.endswith(".py") or Path(word).exists():
            check_stray(word, NO_VERB)
        near = [OTHER_NAMES[word]] if word in OTHER_NAMES else difflib.get_close_matches(word.lower(), known, n=1)
        hint = f"perhaps you meant {near[0]}" if near else f"{program_name()} --help lists them"
        raise UserError(f"no verb {word!r}; {hint}")
    return word


def check_stray(word: str, verb: str) -> None:
    """Checks that a word is a flag.

    Raises:
      UserError: it is a path, or another word, that stands alone; the flag that it may belong to is suggested.
    """
    if word.startswith("-"):
        return
    names = {flag.name for flag in import_verb(verb).FLAGS}
    if word.endswith(".py"):
        meant = f"perhaps you meant --config {word}"
    elif (Path(word) / "experiment.json").exists():
        meant = f"perhaps you meant --workdir {word}"
    elif "input" in names:
        meant = f"perhaps you meant --input {word}"
    else:
        called = program_name() if verb == NO_VERB else f"{program_name()} {verb}"
        meant = f"a flag is --NAME VALUE or --NAME=VALUE, and {called} --help lists them"
    raise UserError(f"{word!r} stands alone; {meant}")


def check_flag(word: str, verb: str) -> None:
    """Checks that a word which `verb` does not know is no flag of other verbs.

    Raises:
      UserError: it is a flag of other verbs.
    """
    name = word.lstrip("-").partition("=")[0]
    owners = sorted(title(other) for other in verbs() if name in {flag.name for flag in import_verb(other).FLAGS})
    if word.startswith("--") and owners:
        way = f": leave {verb} out" if owners == [title(NO_VERB)] else ""
        if len(owners) > 3 and (operands := getattr(import_verb(verb), "OPERANDS", "")):
            raise UserError(
                f"--{name} is no flag of {title(verb)}, which takes words: {program_name()} {verb} {operands}"
            )
        raise UserError(f"--{name} belongs to {' and '.join(owners)}, not to {title(verb)}{way}")


def check_spelling(word: str, known: Sequence[str]) -> None:
    """Checks that a word which is none of a verb's flags is not one of them misspelt.

    Args:
      word: of the command line.
      known: names of the verb's flags.

    Raises:
      UserError: it is; the flag is suggested.
    """
    name = word.lstrip("-").partition("=")[0]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1, cutoff=0.7)
    if near:
        raise UserError(f"no flag {word.partition('=')[0]}; perhaps you meant --{near[0]}")
