"""Checks for examples that are in a dataset twice, in all splits together."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from jaxflow.console import track
from jaxflow.data.dataset import Dataset, name_of
from jaxflow.data.profiling.duplicates import across_splits, exact_groups, near_pairs, thumbnails
from jaxflow.data.profiling.issue import MAX_IDS, Issue
from jaxflow.data.profiling.kinds import kind_of
from jaxflow.data.profiling.plan import Plan
from jaxflow.data.profiling.sample import chunks
from jaxflow.data.profiling.tokens import is_language_modelling

# The split and the position there of each example, the splits one after the other.
Examples = Sequence[tuple[str, int]]


def check_duplicates(dataset: Dataset, plan: Plan) -> list[Issue]:
    """Finds equal inputs, and images that look alike; all examples are read, and `plan` decides what is advised."""
    examples = [(name, index) for name, split in dataset.splits.items() for index in range(len(split))]
    small: list[np.ndarray] = []

    def blocks() -> Iterator[np.ndarray]:
        for name, split in dataset.splits.items():
            for part in track(chunks(np.arange(len(split))), f"look through {name}"):
                inputs = split.rows(part)["inputs"]
                if kind_of(dataset).visual:
                    small.append(thumbnails(inputs))
                yield inputs

    groups = exact_groups(blocks())
    issues = _equal_inputs(dataset, examples, groups, plan)
    if small:
        equal = {frozenset(pair) for group in groups for pair in itertools.pairwise(group)}
        near = [pair for pair in near_pairs(np.concatenate(small)) if frozenset(pair) not in equal]
        issues += _similar_images(dataset, examples, near, plan)
    return issues


def _equal_inputs(dataset: Dataset, examples: Examples, groups: Sequence[Sequence[int]], plan: Plan) -> list[Issue]:
    chance = kind_of(dataset).repeatable
    leaks = across_splits(groups, [name for name, _ in examples])
    targets = {name: split.targets for name, split in dataset.splits.items()}
    # A text may continue in several ways; other things are of one class.
    contradictions = [
        group
        for group in groups
        if not is_language_modelling(dataset)
        and len({targets[name][index].tobytes() for name, index in (examples[i] for i in group)}) > 1
    ]
    issues = []
    if leaks:
        message = f"{len(leaks)} inputs are in more than one split"
        advice = (
            "if they are the same things, what is tested was trained on: "
            f"{plan.leave_out_equal()}, or {plan.keep_together('thing')}"
        )
        issues.append(Issue("note" if chance else "leak", message, advice, _ids(dataset, examples, leaks)))
    if groups:
        message = f"the inputs of {sum(len(group) - 1 for group in groups)} examples equal another one's"
        advice = f"if they are the same things they count twice: {plan.leave_out_equal()}"
        issues.append(Issue("note" if chance else "problem", message, advice, _ids(dataset, examples, groups)))
    if contradictions:
        message = f"{len(contradictions)} inputs are there with different targets"
        advice = "no model can have all right; if they are the same things, correct the targets"
        issues.append(Issue("note" if chance else "problem", message, advice, _ids(dataset, examples, contradictions)))
    return issues


def _similar_images(dataset: Dataset, examples: Examples, near: Sequence[tuple[int, int]], plan: Plan) -> list[Issue]:
    crossing = across_splits(near, [name for name, _ in examples])
    within = sorted(set(near) - {tuple(pair) for pair in crossing})
    issues = []
    if crossing:
        later = len({second for _, second in crossing})  # those of validation and test: they come after train's
        message = f"{later} images look like one of another split{_pairs(later, crossing)}"
        advice = f"look at them; if they are of one scene, {plan.keep_together('scene')}"
        issues.append(Issue("problem", message, advice, _ids(dataset, examples, crossing)))
    if within:
        images = len({index for pair in within for index in pair})
        message = f"{images} images look like another one of their split{_pairs(images, within)}"
        issues.append(Issue("note", message, "look whether they are needed", _ids(dataset, examples, within)))
    return issues


def _pairs(images: int, pairs: Sequence[object]) -> str:
    return "" if images == len(pairs) else f" ({len(pairs)} pair{'s' * (len(pairs) > 1)})"


def _ids(dataset: Dataset, examples: Examples, groups: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Returns a line for each of the first groups: the ids of up to three examples."""
    members = ([examples[index] for index in group[:3]] for group in groups[:MAX_IDS])
    return tuple(" = ".join(name_of(dataset.splits[name], index) for name, index in group) for group in members)
