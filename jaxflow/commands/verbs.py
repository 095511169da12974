"""Verbs are found by the names of their files."""

import difflib
import importlib
import pkgutil
from types import ModuleType

import jaxflow.commands
from jaxflow.errors import UserError, program_name

NO_VERB = "run"  # the file of the command without a verb
NOT_VERBS = {"arguments", "main", "start", "summary", "verbs"}


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
        near = difflib.get_close_matches(word, known, n=1)
        hint = f"perhaps you meant {near[0]}" if near else f"{program_name()} --help lists them"
        raise UserError(f"no verb {word!r}; {hint}")
    return word


def check_flag(word: str, verb: str) -> None:
    """Checks that a word which `verb` does not know is no flag of other verbs.

    Raises:
      UserError: it is a flag of other verbs.
    """
    name = word.lstrip("-").partition("=")[0]
    owners = sorted(title(other) for other in verbs() if name in {flag.name for flag in import_verb(other).FLAGS})
    if word.startswith("--") and owners:
        raise UserError(f"--{name} belongs to {' and '.join(owners)}, not to {title(verb)}")
