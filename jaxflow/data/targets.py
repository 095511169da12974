"""Several targets of an example at once: numbers, classes, or labels that hold or do not."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from jaxflow.data.checks import check_classes
from jaxflow.errors import UserError, listed
from jaxflow.schema import Target

# What a column of labels holds, in lower case: that it does not hold, and that it does.
NO_AND_YES = (("0", "1"), ("0.0", "1.0"), ("false", "true"), ("no", "yes"))


def target_names(target: str | Sequence[str], task: str) -> tuple[str, ...]:
    """Returns the columns that are to be predicted, one or several.

    Raises:
      UserError: there are none, or one is named twice.
    """
    names = (target,) if isinstance(target, str) else tuple(target)
    if not names or len(set(names)) < len(names):
        raise UserError(f"data.target is {target!r}; name one column, or several, each once")
    if task == "label" and isinstance(target, str):
        raise UserError(f"data.task is 'label', for several that hold or do not: write target=({target!r},)")
    return names


def join_targets(
    names: Sequence[str], parts: Sequence[tuple[np.ndarray, Target]], task: Literal["auto", "class", "label", "number"]
) -> tuple[np.ndarray, Target]:
    """Joins several targets to one array.

    Args:
      names: of the targets.
      parts: of each (examples,) class indices or values, and what they are.
      task: "label" takes columns of no and yes alone, "class" takes them for classes, and "auto" for labels where all
        of the columns are such.

    Returns:
      (examples, targets) float64 values, int32 class indices, or int32 0 and 1; and what they are.

    Raises:
      UserError: some are numbers and others classes, or a label is neither no nor yes.
    """
    numbers = [name for name, (_, target) in zip(names, parts) if target.kind == "number"]
    if 0 < len(numbers) < len(parts):
        classes = [name for name in names if name not in numbers]
        raise UserError(
            f"of the targets {listed(numbers)} hold numbers, and {listed(classes)} classes; name targets of one kind, "
            "or say which they are: task='number', or 'class'"
        )
    values = np.stack([values for values, _ in parts], axis=-1)  # (example, target)
    if numbers:
        return values, Target("number", tuple(names))
    class_names = tuple(target.names for _, target in parts)
    held = [tuple(text.lower() for text in texts) for texts in class_names]
    other = [name for name, texts in zip(names, held) if not {texts, texts[::-1]} & {*NO_AND_YES}]
    if task == "label" and other:
        texts = class_names[names.index(other[0])]
        raise UserError(f"target {other[0]} holds {listed(texts, 5)}; a label holds 0 and 1 (or no and yes)")
    if task == "label" or (task == "auto" and not other):
        backwards = [texts not in NO_AND_YES for texts in held]  # "Yes" sorts before "no"
        return np.where(backwards, 1 - values, values), Target("labels", tuple(names))
    return values, Target("classes", tuple(names), class_names=class_names)


def check_targets(
    target: Target, targets: np.ndarray, parts: Mapping[str, np.ndarray], source: str, plural: str, advice: str
) -> None:
    """Raises UserError if a class, or a label, has no example in the train split; arguments as in `check_classes`."""
    if target.kind == "class":
        check_classes(target.names, targets, parts, source, plural, advice)
    elif target.several:
        for (name, names), column in zip(target.choices.items(), targets.T):
            check_classes(names, column, parts, f"{name} of {source}", plural, advice)
