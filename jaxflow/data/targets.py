"""Several targets of an example at once: numbers, classes, or labels that hold or do not."""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from jaxflow.data.checks import check_classes
from jaxflow.data.numbers import is_number, split_quantity
from jaxflow.data.reading.category_names import category_names
from jaxflow.errors import UserError, listed
from jaxflow.schema import Target

logger = logging.getLogger("jaxflow")

# What separates the labels in a cell, the first that is found in one; and what may stand around them.
SEPARATORS, AROUND = (";", "|", ","), {"[": "]", "{": "}"}
# What a column of labels holds, in lower case: that it does not hold, and that it does.
NO_AND_YES = (("0", "1"), ("0.0", "1.0"), ("false", "true"), ("no", "yes"))
# Classes from which on nearly as many as examples may be numbers, and the fraction of them that then are.
MAX_CLASSES, MOSTLY = 10, 0.9


def target_names(target: str | Sequence[str], task: str) -> tuple[str, ...]:
    """Returns the columns that are to be predicted, one or several.

    Raises:
      UserError: there are none, one is named twice, or as many are named as the task does not take.
    """
    names = tuple(target) if isinstance(target, tuple | list) else (target,)
    if not all(isinstance(name, str) for name in names):
        texts = tuple(map(str, names)) if isinstance(target, tuple | list) else str(target)
        raise UserError(f"data.target is {target!r}; columns are named by texts: write {texts!r}")
    if not names or len(set(names)) < len(names):
        raise UserError(f"data.target is {target!r}; name one column, or several, each once")
    if task == "label" and isinstance(target, str):
        raise UserError(
            f"data.task is 'label', for columns that hold or do not: write target=({target!r},); several labels in a "
            "cell are task='labels'"
        )
    if task == "labels" and not isinstance(target, str):
        raise UserError(f"data.task is 'labels', for several in a cell of one column, and data.target names {names}")
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


def split_labels(name: str, cells: Sequence[object], separator: str | None) -> tuple[np.ndarray, Target]:
    """Divides cells into the labels that they hold, any number each, such as "red;round"; a separator alone is none.

    Args:
      name: the column.
      cells: none of them missing.
      separator: what separates the labels; None finds ; or | or a comma.

    Returns:
      (cells, labels) int32, 1 where a label holds and else 0; and what they are, the labels in alphabetical order.

    Raises:
      UserError: no cell holds the separator, or no label.
    """
    texts = [str(cell).strip() for cell in cells]
    found = [each for each in ((separator,) if separator else SEPARATORS) if any(each in text for text in texts)]
    if not found:
        none = repr(separator) if separator else "';', '|' or ','"
        raise UserError(
            f"no {name} holds {none} between labels; data.label_separator says what does, or task='class' takes each "
            "cell for one class"
        )
    parts = [_labels_of(text, found[0]) for text in texts]
    name_of = category_names({label for labels in parts for label in labels}, f"labels of {name}")
    names = sorted(set(name_of.values()))
    if not names:
        raise UserError(f"no {name} holds a label; there is nothing to predict")
    if separator is None:
        example = next(text for text in texts if found[0] in text)
        told = listed(map(repr, _labels_of(example, found[0]))) or "no label"
        logger.info(f"{name}: {example!r} is read as {told} (label_separator={found[0]!r})")
    position_of = {label: place for place, label in enumerate(names)}
    held = np.zeros((len(texts), len(names)), np.int32)
    for row, labels in enumerate(parts):
        held[row, [position_of[name_of[label]] for label in labels]] = 1
    return held, Target("labels", tuple(names))


def suggest_labels(name: str, classes: Sequence[str]) -> None:
    """Logs that classes look like several labels each, where parts of them come again in others."""
    for separator in SEPARATORS[:2]:  # a comma is of many names
        joined = [text for text in classes if separator in text]
        parts = [label for text in classes for label in _labels_of(text, separator)]
        if joined and len(set(parts)) < len(parts):
            logger.info(
                f"target {name}: {joined[0]!r} is taken for one class; task='labels' takes it for several labels"
            )
            return


def _labels_of(text: str, separator: str) -> list[str]:
    """Returns the labels in a cell; in a list such as ["red", "round"] they may be quoted."""
    if len(text) > 1 and AROUND.get(text[0]) == text[-1]:
        return [label for part in text[1:-1].split(separator) if (label := part.strip().strip("'\""))]
    return [label for part in text.split(separator) if (label := part.strip())]


def doubt_labels(where: str, labels: Sequence[str], way: str) -> None:
    """Warns of classes that look like numbers but for a mark; raises if nearly each label is a number of its own.

    Args:
      where: what holds the labels, for messages: "column label of a.csv".
      labels: the class of each example.
      way: what to do where they are numbers.
    """
    classes = sorted(set(labels))
    marks = [name for name in classes if not (is_number(name) and any(map(str.isdigit, name)))]
    quantities = [name for name in classes if split_quantity(name) is not None]
    if MAX_CLASSES < len(classes) > len(labels) / 2 and len(quantities) > MOSTLY * len(classes):
        raise UserError(f"{where} holds {len(classes)} different texts such as {quantities[0]!r}, numbers; {way}")
    if marks and len(classes) - len(marks) > max(len(marks), 1):
        told = f"{where} is read as {len(classes)} classes, which are numbers but for {listed(map(repr, marks), 3)}"
        logger.warning(f"{told}: where that is no class, leave its cell empty")


def drop_constant_labels(
    task: str, targets: np.ndarray, target: Target, train: np.ndarray, where: str
) -> tuple[np.ndarray, Target]:
    """Leaves out the labels of cells that all training examples have, or none, and logs them: nothing is to be learned.

    Args:
      task: of which only "labels" has such.
      targets: (examples, labels) 0 and 1.
      target: what they are.
      train: indices of the training examples.
      where: what they are from.

    Returns:
      The targets and what they are, as they were where nothing is left out.

    Raises:
      UserError: no label is left.
    """
    if task != "labels":
        return targets, target
    held = targets[train].mean(0)
    for what, constant in (("no", held == 0), ("every", held == 1)):
        if names := [name for name, is_so in zip(target.names, constant) if is_so]:
            told = f"{len(names)} labels left out, which {what} training example has: {listed(names, 5)}"
            logger.warning(f"{where}: {told}")
    varied = np.flatnonzero((held > 0) & (held < 1))
    if not len(varied):
        raise UserError(f"{where}: no label holds in some training rows and not in others; there is nothing to predict")
    return targets[:, varied], Target("labels", tuple(target.names[place] for place in varied))


def check_targets(
    target: Target, targets: np.ndarray, parts: Mapping[str, np.ndarray], source: str, plural: str, advice: str
) -> None:
    """Raises UserError if a class, or a label, has no example in the train split; arguments as in `check_classes`."""
    if target.kind == "class" and not target.dense_shape:
        check_classes(target.names, targets, parts, source, plural, advice)
    elif target.several:
        for (name, names), column in zip(target.choices.items(), targets.T):
            check_classes(names, column, parts, f"{name} of {source}", plural, advice)
