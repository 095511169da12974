"""Runs as values, and in groups: the seeds, splits and folds of one experiment.

Nothing of a run folder is executed: its experiment is compared as JSON.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.runs.folder import read_description
from jaxflow.runs.results import Results, require_results, values_alone
from jaxflow.serialization import flatten_json

# What tells apart the runs of one experiment.
SEED, SPLIT_SEEDS, FOLD = "seed", ("data.split.seed", "data.split_seed"), "data.split.fold"
SEEDS = (SEED, *SPLIT_SEEDS, FOLD)
# Of the fields that may change when a run is resumed, those that decide what comes out.
DECIDING = ("epochs", "early_stopping")
# Where data and weights lie: their own names count, and not the folders that these are in.
PLACES = ("data.path", "data.validation", "data.test", "init_from")
_SEED_IN_NAME = re.compile(r"-(?:seed|data\.split\.seed|data\.split_seed|data\.split\.fold)=[\w.]+")
_FOLD = re.compile(r"fold-\d+")


@dataclass(frozen=True)
class Run:
    """A run folder, read.

    Attributes:
      folder: where it is.
      settings: (field, value) of its experiment that decide what comes out, without seeds and folds.
      seed: its seed.
      split_seed: the seed of its split; None where a split has none.
      fold: its fold; None where it is none.
      folds: how many folds there are; 1 where it is none.
      ratio: examples of the test by those trained on, where a HoldOut or a KFold deals them; else 0.
      results: of it.
    """

    folder: Path
    settings: Mapping[str, Any]
    seed: int
    split_seed: int | None
    fold: int | None
    folds: int
    ratio: float
    results: Results

    @property
    def test(self) -> dict[str, float]:
        """The metrics of the test split; {} where it was not evaluated."""
        return values_alone(self.results.get("test", {}))


@dataclass(frozen=True)
class Group:
    """The runs of one experiment, which differ by seed, split or fold alone.

    Attributes:
      name: what people call it.
      runs: in the order that they were named in.
    """

    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Sample:
    """The values of a metric that a group's mean is of.

    Attributes:
      values: one for each seed, the mean of its folds; of the folds of a single seed one for each fold.
      ratio: examples of the test by those trained on, where training sets overlap; else 0.
      units: what they are values of: "3 seeds", "2 seeds of 5 folds", "4 splits", "5 folds".
    """

    values: tuple[float, ...]
    ratio: float
    units: str


def read_run(folder: Path) -> Run:
    """Reads a run folder.

    Raises:
      UserError: it is none, or its experiment.json or results.json is damaged.
    """
    described = read_description(folder)
    settings = dict(_settings(described))
    seed, fold = settings.pop(SEED, 0), settings.pop(FOLD, None)
    split_seeds = [settings.pop(name) for name in SPLIT_SEEDS if name in settings]
    split_seed, data = next(iter(split_seeds), None), described.get("data", {})
    split = data.get("split") if isinstance(data.get("split"), dict) else data
    folds = split.get("folds", 1)
    return Run(folder, settings, seed, split_seed, fold, folds, _ratio(split), require_results(folder))


def group_runs(runs: Iterable[Run]) -> list[Group]:
    """Groups runs that differ in seeds, splits and folds alone, in the order of the first of each.

    A seed, split and fold is in a group once: a run that is there again is of a group of its own, as are its seeds.
    """
    found: dict[tuple[str, int], list[Run]] = {}
    copies: Counter[tuple[Any, ...]] = Counter()
    for run in runs:
        settings = json.dumps(run.settings, sort_keys=True, default=str)
        told = settings, run.seed, run.split_seed, run.fold
        found.setdefault((settings, copies[told]), []).append(run)
        copies[told] += 1
    return named(list(found.values()))


def named(members: Sequence[Sequence[Run]]) -> list[Group]:
    """Returns groups of these runs with names that tell them apart."""
    short = [name_of(runs) for runs in members]
    often = Counter(short)
    names = [name if often[name] == 1 else str(runs[0].folder) for name, runs in zip(short, members)]
    units = [f" ({units_of_runs(runs)})" if len(runs) > 1 else "" for runs in members]
    return [Group(f"{name}{of}", tuple(runs)) for name, of, runs in zip(names, units, members)]


def name_of(runs: Sequence[Run]) -> str:
    """Returns what the folders of some runs have in common: a name without seed and fold, or how all begin."""
    if len(runs) == 1:
        return runs[0].folder.name
    folders = [run.folder.parent if _FOLD.fullmatch(run.folder.name) else run.folder for run in runs]
    names = [_SEED_IN_NAME.sub("", folder.name) for folder in folders]
    shared = "".join(letters[0] for letters in takewhile(lambda each: len(set(each)) == 1, zip(*names)))
    return shared.rstrip("-_.=") or names[0]


def by_seed(runs: Iterable[Run]) -> dict[tuple[int, int | None], list[Run]]:
    """Returns the runs of each seed and split: one, or all its folds."""
    seeds: dict[tuple[int, int | None], list[Run]] = {}
    for run in runs:
        seeds.setdefault((run.seed, run.split_seed), []).append(run)
    return seeds


def units_of_runs(runs: Sequence[Run]) -> str:
    """Returns what a group has several of: "3 seeds", "2 seeds of 5 folds", "4 splits", "5 folds"."""
    seeds, folds = len(by_seed(runs)), len({run.fold for run in runs})
    if folds > 1 and seeds == 1:
        return f"{folds} folds"
    noun = "split" if len({run.split_seed for run in runs}) > 1 else "seed"
    return f"{seeds} {noun}{'' if seeds == 1 else 's'}{f' of {folds} folds' if folds > 1 else ''}"


def sample(runs: Sequence[Run], metric: str) -> Sample:
    """Returns a metric of a group's runs: of each seed or split, whose folds are averaged first, or of each fold.

    Args:
      runs: of one experiment; each has the metric.
      metric: of the test split.
    """
    seeds, units = by_seed(runs), units_of_runs(runs)
    values = [float(np.mean([run.test[metric] for run in of])) for of in seeds.values()]
    if len(seeds) == 1 and len(runs) > 1:
        return Sample(tuple(run.test[metric] for run in runs), runs[0].ratio, units)
    several = len({run.split_seed for run in runs}) > 1
    return Sample(tuple(values), runs[0].ratio if several else 0.0, units)


def _settings(described: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the fields of an experiment, as JSON has it, that decide what comes out."""
    for name, value in flatten_json(described, {}):
        if name not in PLACES or not isinstance(value, str):
            yield name, value
    for name in DECIDING:
        if described.get(name) is not None:
            yield from flatten_json(described[name], {}, name)
    for name in PLACES:
        part: Any = described
        for key in name.split("."):
            part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, str):
            path = Path(part)
            yield name, path.parent.name if _FOLD.fullmatch(path.name) else path.name


def _ratio(split: Mapping[str, Any]) -> float:
    """Returns examples of the test by those trained on; 0 where they are not dealt at random.

    Args:
      split: a split rule as JSON has it, or a source that holds out fractions itself.
    """
    validation, test = split.get("validation"), split.get("test")
    if isinstance(folds := split.get("folds"), int) and isinstance(validation, bool):
        return 1 / (folds - 1 - validation)
    if isinstance(validation, int | float) and isinstance(test, int | float) and validation + test < 1:
        return test / (1 - test - validation)
    return 0.0
