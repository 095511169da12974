"""What files are labelled with becomes targets: a class, a number, or several of a kind."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.folders.layout import LabelledFile
from jaxflow.data.targets import join_targets
from jaxflow.errors import UserError, listed
from jaxflow.schema import Target

logger = logging.getLogger("jaxflow")

Task = Literal["class", "label", "number"]


def encode_labels(
    target: str | tuple[str, ...], task: Task, found: Sequence[LabelledFile], good: Sequence[LabelledFile]
) -> tuple[np.ndarray, Target]:
    """Converts labels to targets.

    Args:
      target: the column that they are from, or several.
      task: what it holds.
      found: all files, whose labels are the classes.
      good: those that can be read.

    Returns:
      The targets of `good`, as `Target` has them, and what they are.

    Raises:
      UserError: a label is no number where one must be, or there is one class only.
    """
    if isinstance(target, str):
        targets, kind = _encode(target, task, [file.label for file in found], [file.label for file in good])
    else:
        cells = [zip(*(file.label for file in files)) for files in (found, good)]
        parts = [_encode(name, task, every, some) for name, every, some in zip(target, *cells)]
        targets, kind = join_targets(target, parts, task)
    return (targets.reshape(len(good), -1).astype(np.float32) if kind.kind == "number" else targets), kind


def _encode(name: str, task: Task, every: Sequence, texts: Sequence) -> tuple[np.ndarray, Target]:
    """Converts a column of labels, `texts`, to class indices among those in `every`, or to numbers."""
    if task == "number":
        try:
            return np.array([float(text) for text in texts]), Target("number", (name,))
        except ValueError as error:
            raise UserError(f"data.task is 'number', and column {name} holds others: {error}; correct them") from error
    names = sorted(set(every))
    if len(names) < 2:
        raise UserError(f"column {name} holds {names[0]!r} alone; there is nothing to predict")
    index_of = {text: index for index, text in enumerate(names)}
    return np.array([index_of[text] for text in texts], np.int32), Target("class", tuple(names))


def report_targets(folder: Path, plural: str, target: Target, targets: np.ndarray) -> None:
    """Logs how many examples there are, and what they are labelled with.

    Args:
      folder: what the examples come from.
      plural: what they are called.
      target: what the targets are.
      targets: as `Target` has them.
    """
    if target.kind == "class":
        report_classes(folder, plural, target.names, targets)
        return
    if target.kind == "number":
        columns = zip(target.names, targets.min(0), targets.max(0))
        told = [f"{name} {low:g} to {high:g}" for name, low, high in columns]
    elif target.kind == "labels":
        told = [f"{name} {count}" for name, count in zip(target.names, (targets == 1).sum(0))]
    else:
        told = [f"{name} of {len(names)} classes" for name, names in zip(target.names, target.class_names)]
    logger.info(f"{folder}: {len(targets)} {plural} with {listed(told, 10)}")


def report_classes(folder: Path, plural: str, names: Sequence[str], targets: np.ndarray) -> None:
    """Logs how many examples each class has.

    Args:
      folder: what the examples come from.
      plural: what they are called.
      names: names of the classes.
      targets: (examples,) class indices.
    """
    counts = np.bincount(targets, minlength=len(names))
    most = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts))[:10])
    logger.info(
        f"{folder}: {len(targets)} {plural} of {len(names)} classes ({most}{', ...' if len(names) > 10 else ''})"
    )
