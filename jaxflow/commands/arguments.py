"""The flags that verbs share, and the experiment and run folder that they select."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxflow.commands.verbs import check_flag, import_verb
from jaxflow.errors import UserError

if TYPE_CHECKING:
    from jaxflow.experiment import Experiment


@dataclass(frozen=True)
class Flag:
    """A flag of a verb.

    Attributes:
      name: the flag without its dashes.
      metavar: placeholder of its value in the help; empty for a switch, which takes none.
      help: its line in the help.
      kind: converts the value from text.
      default: the value where the flag is not given.
    """

    name: str
    metavar: str
    help: str
    kind: Callable[[str], str | int | float] = str
    default: str | None = None


def _seconds(text: str) -> float:
    """Converts seconds from text."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise UserError(f"--baselines is {text}; it takes seconds, 0 for none")
    return value


EXPERIMENT = (
    Flag("config", "FILE", "experiment file, for example experiments/digits_cnn.py"),
    Flag(
        "workdir", "DIR", "run folder; without it runs/<experiment>[-overrides]. After training it is all a verb needs"
    ),
    Flag(
        "trust",
        "",
        "execute the Python files of --workdir though they were not trained here, and remember them ($JAXFLOW_TRUST=1)",
    ),
)
OVERWRITE = Flag("overwrite", "", "start again in a folder that holds a run")
# Flags of every verb.
COMMON = (
    Flag("device", "KIND", "cpu, gpu or tpu; without it JAX takes the fastest that it finds"),
    Flag("quiet", "", "print nothing but errors"),
    Flag("debug", "", "show the traceback beneath an error in your own code"),
    Flag("no-cache", "", "compile anew instead of taking programs from ~/.cache/jaxflow ($JAXFLOW_CACHE_DIR)"),
)
DEVICES = ("cpu", "gpu", "tpu")
CHECKPOINT = Flag(
    "checkpoint",
    "WHICH",
    "last, best (by validation) or a step; without it the last, of a run with early stopping the best",
)
BASELINES = Flag(
    "baselines",
    "SECONDS",
    "time for simple models to compare with, linear ones and gradient boosting (10); 0 fits none",
    _seconds,
    "10",
)
PROCESSES = (
    Flag("coordinator", "HOST:PORT", "one of several processes (docs/multihost.md): process 0 listens there"),
    Flag("num-processes", "N", "how many processes there are"),
    Flag("process-id", "I", "which of them this is, from 0"),
    Flag("secret-file", "FILE", "the secret that all of them share; without it $JAXFLOW_RUN_SECRET"),
    Flag("local-processes", "N", "start N processes on this machine, for trying out"),
)


def names_of_flags(verb: str) -> list[str]:
    """Lists the names of a verb's flags, those of every verb among them."""
    return [flag.name for flag in (*COMMON, *import_verb(verb).FLAGS)]


def select_experiment(arguments: argparse.Namespace) -> "tuple[Experiment, Path, Path | None]":
    """Builds the experiment that a command line selects, and chooses its run folder.

    Args:
      arguments: of a verb whose flags include `EXPERIMENT`.

    Returns:
      The experiment with its overrides, the run folder, and the experiment's file, where one was given.

    Raises:
      UserError: there is no such experiment, or an override does not fit it.
    """
    from jaxflow.experiment import load
    from jaxflow.runs.folder import default_workdir, read_experiment

    for name in ("config", "workdir", "output"):
        if getattr(arguments, name, None) == "":
            raise UserError(f"--{name} is empty: a variable that is not set? Name a path, or leave the flag out")
    source = Path(arguments.config) if arguments.config else None
    written = load(source) if source else read_experiment(Path(arguments.workdir), arguments.trust)
    experiment = written
    if arguments.overrides:
        from jaxflow.flags.override import override

        try:
            experiment = override(written, arguments.overrides, names_of_flags(arguments.verb))
        except UserError:
            for word in arguments.overrides:
                if not hasattr(written, word.lstrip("-").partition("=")[0]):  # --seed is a flag of generate too
                    check_flag(word, arguments.verb)
            raise
    if arguments.workdir:
        return experiment, Path(arguments.workdir), source
    assert source  # main asks for one of the two
    return experiment, default_workdir(source, written, experiment), source
