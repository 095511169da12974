"""Compares evaluated runs, grouped by experiment."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError, program_name
from jaxflow.evaluation.comparison.estimates import estimate
from jaxflow.evaluation.comparison.pairs import aligned, paired_difference
from jaxflow.evaluation.comparison.seeds import seed_difference
from jaxflow.evaluation.comparison.values import Comparison, Difference
from jaxflow.evaluation.metrics.intervals import FEW_UNITS
from jaxflow.evaluation.metrics.significance import holm
from jaxflow.evaluation.stored import Stored, check_finite, pooled, read_stored
from jaxflow.runs.groups import Group, Run, by_seed, group_runs, named, read_run
from jaxflow.runs.listing import in_use
from jaxflow.runs.results import headline_metric

logger = logging.getLogger("jaxflow")


def compare(workdirs: Sequence[str | Path]) -> Comparison:
    """Compares evaluated runs; those that differ by seed, split or fold alone count as one experiment.

    Where all are seeds of one experiment, its trained models are compared with each other.

    Args:
      workdirs: run folders, or folders of folds; the others are compared with the first one's experiment.

    Raises:
      UserError: there is nothing to compare, a folder is no run, one is trained right now, was not evaluated or is
        damaged, or they were tested on different examples or solve different problems.
    """
    folders = dict.fromkeys(folder for path in workdirs for folder in _runs_in(Path(path)))
    runs = [_read_tested(folder) for folder in folders]
    groups = group_runs(runs)
    if len(groups) == 1:
        groups = _alone(groups[0])
    shared = [name for name in runs[0].test if all(name in run.test for run in runs)]
    metric = headline_metric(shared)
    if metric is None or any(headline_metric(run.test) != metric for run in runs):
        asked = ", ".join(dict.fromkeys(str(headline_metric(run.test)) for run in runs))
        raise UserError(f"the runs solve different problems, measured by {asked}; compare runs of one problem")
    found = [_difference(groups[0], other, metric, shared) for other in groups[1:]]
    corrected = holm([difference.p for difference in found])
    return Comparison(
        groups=tuple(groups),
        metric=metric,
        differing=_differing(groups),
        estimates={name: tuple(estimate(group, name) for group in groups) for name in shared},
        differences=tuple(replace(each, p=float(p)) for each, p in zip(found, corrected)),
        remarks=tuple(_remarks(groups, found)),
    )


def _runs_in(folder: Path) -> list[Path]:
    """Returns a run folder, or those of the folds in it."""
    folds = sorted(folder.glob("fold-*/experiment.json"), key=lambda path: (len(path.parent.name), path.parent.name))
    if not folds and not (folder / "experiment.json").is_file():
        there = "it has no experiment.json" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{folder} is not a run folder: {there}; {program_name()} runs lists those that there are")
    return [path.parent for path in folds] or [folder]


def _read_tested(folder: Path) -> Run:
    """Reads a run that is to be compared.

    Raises:
      UserError: it is trained right now, or was not tested, or is damaged.
    """
    run = read_run(folder)
    if in_use(folder):
        raise UserError(f"{folder} is being trained or evaluated right now; compare it when that is done")
    if not run.test:
        done = "checkpoint_step" in run.results or any((folder / "checkpoints").glob("[0-9]*"))
        again = f"{program_name()} {'evaluate' if done else 'train'} --workdir {folder}"
        said = "was not evaluated on its test split" if done else "has no checkpoint: it was not trained"
        raise UserError(f"{folder} {said}; run {again}")
    return run


def _alone(group: Group) -> list[Group]:
    """Returns the runs of one experiment as groups of their own, where they have a test split in common."""
    if len(group.runs) < 2:
        raise UserError(f"compare needs two runs at least, and there is one run, {group.name}; name others")
    if len({(run.split_seed, run.fold) for run in group.runs}) > 1:
        raise UserError(
            f"compare needs two experiments at least, and there is one: {group.name}, whose runs were tested on "
            "different examples; name runs of another"
        )
    return named([[run] for run in group.runs])


def _differing(groups: Sequence[Group]) -> dict[str, tuple[str, ...]]:
    """Returns the fields that are not the same in all groups; of runs of one experiment, the seed."""
    settings: list[Mapping[str, Any]] = [group.runs[0].settings for group in groups]
    if all(len(group.runs) == 1 for group in groups):
        settings = [{**each, "seed": group.runs[0].seed} for each, group in zip(settings, groups)]
    names = dict.fromkeys(itertools.chain(*settings))
    shown = {name: tuple(str(each.get(name, "-")) for each in settings) for name in names}
    return {name: values for name, values in shown.items() if len(set(values)) > 1}


def _difference(first: Group, other: Group, metric: str, shared: list[str]) -> Difference:
    """Compares two experiments: by seeds where either has several, else by the answers to the same examples."""
    same_loss = _problem(first) == _problem(other)
    shared = [name for name in shared if name != "loss" or same_loss]
    if metric not in shared:
        raise UserError(f"{first.name} and {other.name} have different losses, and no other metric to be compared by")
    if max(len(by_seed(group.runs)) for group in (first, other)) > 1:
        return seed_difference(first, other, metric, shared)
    names = (first.name, other.name)
    return paired_difference(*_aligned(first, other), names, shared)


def read_pair(first: Path, other: Path) -> tuple[Stored, Stored, str]:
    """Reads the records of two trained models, each a run folder or a folder of folds.

    Returns:
      Their records of the same examples in the same order, and the metric by which they are compared.

    Raises:
      UserError: they cannot be compared by their answers.
    """
    groups = [named([[_read_tested(folder) for folder in _runs_in(path)]])[0] for path in (first, other)]
    shared = [name for name in groups[0].runs[0].test if name in groups[1].runs[0].test]
    metric = headline_metric(shared)
    if metric is None:
        raise UserError(f"{first} and {other} have no metric in common")
    return *_aligned(*groups), metric


def _aligned(first: Group, other: Group) -> tuple[Stored, Stored]:
    return aligned(_records(first), _records(other), (first.name, other.name))


def _records(group: Group) -> Stored:
    parts = []
    for run in group.runs:
        parts.append(read_stored(run.folder))
        check_finite(parts[-1], run.folder)
        if not parts[-1].answered:
            logger.warning(
                f"{run.folder} was evaluated by an earlier version, which stored no answers: the likeliest classes "
                "stand for them, whatever threshold the problem has"
            )
    return pooled(parts)


def _problem(group: Group) -> dict[str, Any]:
    return {name: value for name, value in group.runs[0].settings.items() if name.partition(".")[0] == "problem"}


def _remarks(groups: Sequence[Group], found: Sequence[Difference]) -> list[str]:
    """Returns what a reader of a comparison should know beside it."""
    said = []
    if len(found) > 1:
        said.append(
            f"{len(found)} are compared with {groups[0].name}, and their p are corrected after Holm: at most one "
            "comparison in twenty calls any of them different by chance. Intervals are not corrected."
        )
    few = [each.name for each in found if each.disagreement and each.units < FEW_UNITS]
    if few:
        said.append(f"Fewer than {FEW_UNITS} units were tested, so that intervals are guesses.")
    if any((each.low > 0 or each.high < 0) and not each.different for each in found):
        said.append(
            "An interval without 0 beside a p above 0.05: where few units differ, the test is the safer of both."
        )
    if any(each.disagreement is None and each.units == 1 for each in found):
        said.append("One side has a single seed, whose spread is taken to be that of the other.")
    return said
