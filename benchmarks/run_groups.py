"""Run folders with the commands that made them, in groups: the seeds, splits and folds of one command."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.errors import UserError
from jaxflow.evaluation.stored import read_stored
from jaxflow.runs.environment import read_environment
from jaxflow.runs.groups import SEEDS, Run, by_seed, group_runs, read_run

# What a command says of places alone.
PLACES = ("--config", "--workdir", "--data.path", "--data.directory", "--init_from")


@dataclass(frozen=True)
class Commanded:
    """The runs of one experiment, and the command that makes them.

    Attributes:
      name: of the experiment, its file's.
      command: without seeds and places.
      runs: they differ by seed, split or fold alone.
    """

    name: str
    command: str
    runs: tuple[Run, ...]

    @property
    def cpu_seconds(self) -> float:
        """Processor time of one training; NaN where it was not measured."""
        return float(np.mean([run.results.get("cpu_seconds", math.nan) for run in self.runs]))


def find_runs(folders: Iterable[Path]) -> list[Run]:
    """Reads run folders, and those that lie in folders of runs, at any depth.

    Raises:
      UserError: a folder holds no run, or one that is damaged or was not tested.
    """
    runs = []
    for folder in folders:
        found = sorted(path.parent for path in folder.rglob("experiment.json"))
        if not found:
            raise UserError(f"{folder} holds no run; name run folders, or folders of them")
        runs += map(read_run, found)
    for run in runs:
        if not run.test:
            raise UserError(f"{run.folder} has no test result; run its experiment to the end")
    return runs


def by_command(runs: Iterable[Run]) -> list[Commanded]:
    """Groups runs that differ in seeds, splits and folds alone, in the order of their commands.

    Raises:
      UserError: one is there twice, those of one command differ in more, or a seed lacks a fold.
    """
    groups: dict[str, Commanded] = {}
    for group in group_runs(runs):
        name, command = read_command(group.runs[0].folder)
        folder = group.runs[0].folder
        if command in groups:
            other = groups[command].runs[0]
            if other.settings != group.runs[0].settings:
                raise UserError(f"{folder} and {other.folder} are of one command, but not of one experiment")
            raise UserError(f"of {command}, a run is there twice; name each seed, split and fold once")
        folds = group.runs[0].folds
        if any(len(of) != folds for of in by_seed(group.runs).values()):
            raise UserError(f"of {command}, a seed has fewer than {folds} folds; run --folds all to its end")
        groups[command] = Commanded(name, command, group.runs)
    return [groups[command] for command in sorted(groups)]


def read_command(folder: Path) -> tuple[str, str]:
    """Returns the name of a run's experiment, and the command that makes it without seeds and places.

    Raises:
      UserError: the run does not say.
    """
    flags = read_flags(list(map(str, read_environment(folder).get("command", [])))[1:])
    if "--config" not in flags:
        raise UserError(f"{folder} has no command with --config; leave it out, or train again")
    name = Path(flags["--config"].removeprefix("--config").strip(" =")).stem
    left_out = {*PLACES, *(f"--{seed}" for seed in SEEDS)}
    kept = [words for flag, words in flags.items() if flag not in left_out]
    return name, " ".join(["python launch.py", f"--config experiments/{name}.py", *kept])


def read_flags(words: Sequence[str]) -> dict[str, str]:
    """Reads a command's flags by name: each as it was written, --name=value or --name value value."""
    flags: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            flags[name] = word
        elif name:
            flags[name] += f" {word}"
    return flags


def answers(folder: Path) -> dict[str, bool]:
    """Reads whether each example of a run's test was answered right, by its id."""
    stored = read_stored(folder)
    if stored.answers is None:
        raise UserError(f"{folder} has no answers of one class for each example")
    return dict(zip(map(str, stored.ids), (stored.answers == stored.targets).tolist()))
