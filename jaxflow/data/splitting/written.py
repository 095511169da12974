"""Splits and folds that are written down: in folders, in a column, in a second file, in a table of ids."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from jaxflow.data.splitting.keys import SplitKeys, groups_across_splits, groups_by_split
from jaxflow.errors import UserError, listed

if TYPE_CHECKING:  # they are above
    from jaxflow.data.splitting.folds import KFold
    from jaxflow.data.splitting.hold_out import HoldOut
    from jaxflow.data.splitting.time_split import TimeSplit

logger = logging.getLogger("jaxflow")

SPLITS = ("train", "validation", "test")
# What splits are called where they are written down, in lower case.
SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def splits_named(names: Iterable[str]) -> dict[str, str]:
    """Returns the split that each of the names means that are written beside one another; not those that mean none.

    What is called evaluation is the test, and beside a test it is validation.
    """
    word_of = {name: name.strip().lower() for name in names}
    split_of = dict(SPLIT_OF)
    if not {"test", "testing"}.isdisjoint(word_of.values()):
        split_of |= dict.fromkeys(("eval", "evaluation"), "validation")
    return {name: split_of[word] for name, word in word_of.items() if word in split_of}


def check_evaluation(meant: Mapping[str, str], where: str) -> None:
    """Raises UserError if evaluation would be validation, as it is beside a test, and another name is validation too.

    Args:
      meant: the split of each name that is written there, by `splits_named`.
      where: what holds the names, for the message.
    """
    names = sorted({name.strip().lower() for name, split in meant.items() if split == "validation"})
    evaluation = [name for name in names if name.startswith("eval")]
    others = [name for name in names if name not in evaluation]
    if evaluation and others:
        raise UserError(
            f"{where} say {others[0]}, {evaluation[0]} and test: {evaluation[0]} may be validation or test; give its "
            "examples one of these names, or leave them out"
        )


def check_column(rule: "HoldOut | KFold") -> None:
    """Raises UserError if a rule names a table and no column of it."""
    if rule.table is not None and rule.column is None:
        raise UserError(f"split.table is {rule.table}; split.column names the column of it that is to be read")


def require_no_column(rule: "HoldOut | KFold") -> None:
    """Raises UserError if a rule names a column: for data that has none, whose source looked for none."""
    if rule.column is not None:
        raise UserError(f"split.column names {rule.column!r}, but this data has no columns; leave it out")


def where_written(rule: "HoldOut | KFold") -> str:
    """Returns the arguments by which a rule names a column, as they are written in an experiment file."""
    return f"column={rule.column!r}" + ("" if rule.table is None else f", table={rule.table!r}")


def count_unassigned(parts: Mapping[str, np.ndarray], size: int) -> dict[str, int]:
    """Counts examples that are in no split, by that reason; {} where there are none."""
    count = size - sum(map(len, parts.values()))
    return {"in no split": count} if count else {}


def report_crossing(examples: SplitKeys, parts: Mapping[str, np.ndarray]) -> None:
    """Logs groups that what is written down divides between splits, and examples that equal one of train."""
    crossing = groups_across_splits(groups_by_split(examples.groups, parts))
    if crossing:
        logger.info(
            f"{len(crossing)} groups lie in more than one of the splits of {examples.written_in}, the first "
            f"{crossing[0]!r}: a leak"
        )
    trained = {examples.ids[index] for index in parts["train"]}
    copies = {name: sum(examples.ids[index] in trained for index in parts[name]) for name in parts if name != "train"}
    report_copies(copies, examples.written_in)


def report_copies(copies: Mapping[str, int], written_in: str) -> None:
    """Logs how many examples of each split are in train too, in what is written down."""
    for name, count in copies.items():
        if count:
            logger.warning(
                f"{count:,} examples of the {name} split of {written_in} are in train too: what it measures was "
                "trained on"
            )


def keep_written(rule: "HoldOut | TimeSplit", examples: SplitKeys) -> dict[str, np.ndarray]:
    """Returns the splits that are written down; what is missing there the rule takes out of train.

    Args:
      rule: how examples are held out.
      examples: what is known of them, `written` above all.

    Returns:
      Ascending int64 indices of each split; examples of which nothing is written down are in none.

    Raises:
      UserError: what is written down is no split, or none of it is train.
    """
    assert examples.written is not None
    held = Counter(name for name in examples.written if name is not None)
    unnamed = len(examples.written) - sum(held.values())
    if unnamed:
        logger.info(f"{examples.written_in} says nothing of {unnamed:,} examples: left out")
    split_of = splits_named(held)
    wrong = [name for name in held if name not in split_of]
    if wrong:
        advice = "correct it"
        if len(wrong) == len(held) > 1 and getattr(rule, "column", None) is not None:
            advice = f"if these are folds, write split=KFold(folds={len(held)}, {where_written(cast('HoldOut', rule))})"
        raise UserError(
            f"{examples.written_in} holds {listed(sorted(wrong), 5)}, and splits are called train, validation (val, "
            f"valid, dev) and test; {advice}"
        )
    check_evaluation(split_of, f"the names in {examples.written_in}")
    splits = np.array([None if name is None else split_of[name] for name in examples.written], object)
    given = {name: np.flatnonzero(splits == name) for name in SPLITS if (splits == name).any()}
    if "train" not in given:
        found = " and ".join(given) or "nothing"
        raise UserError(f"by {examples.written_in} there is {found}, and no train; add it, or name another")
    report_crossing(examples, given)
    missing = [name for name in SPLITS[1:] if name not in given and getattr(rule, name) != 0]
    if missing:
        logger.info(f"{examples.written_in}: no {' and no '.join(missing)}, which data.split takes out of train")
    changed: dict[str, float | None] = {name: 0.0 for name in given if name != "train"}
    if hasattr(rule, "column"):
        changed |= {"column": None, "table": None}
    train = given["train"]
    held_out = dataclasses.replace(rule, **changed).split(examples.unwritten(train))
    return given | {name: train[chosen] for name, chosen in held_out.items()}
