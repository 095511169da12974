"""What to do where a split leaves a class without training examples."""

from collections.abc import Sequence
from typing import Any

from jaxflow.data.numbers import is_number
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys


def advise_on_rare_class(rule: Any, examples: SplitKeys, task: str = "class", names: Sequence[str] = ()) -> str:
    """Returns the ways on that are open under a split rule.

    Args:
      rule: the rule by which the examples were split.
      examples: what it decided by.
      task: as `Table.task`; "auto" took the targets for classes.
      names: names of the classes; what are whole numbers may be no classes.
    """
    if task == "auto" and all(map(is_number, names)):
        return f"predict a number, data.task='number' (--data.task=number), or {advise_on_rare_class(rule, examples)}"
    if examples.written is not None:
        return f"put some of it into train, as {examples.written_in} has it, or remove it"
    if not isinstance(rule, HoldOut | KFold) or rule.stratify:
        return "give it more, or remove it"
    name = "KFold" if isinstance(rule, KFold) or examples.groups is not None else "HoldOut"
    return f"give it more, remove it, or stratify: split={name}(stratify=True)"
