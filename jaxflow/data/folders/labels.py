"""What files are labelled with becomes targets: a class, a number, or several of a kind."""

import logging
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from jaxflow.data.folders.layout import LabelledFile
from jaxflow.data.numbers import PLAIN, NumberFormat, candidates, find_formats
from jaxflow.data.targets import join_targets, split_labels
from jaxflow.errors import UserError, listed
from jaxflow.schema import IGNORE, Target

logger = logging.getLogger("jaxflow")

Task = Literal["class", "label", "labels", "number", "text"]


def encode_labels(
    target: str | tuple[str, ...],
    task: Task,
    separator: str | None,
    found: Sequence[LabelledFile],
    good: Sequence[LabelledFile],
) -> tuple[np.ndarray, Target]:
    """Converts labels to targets.

    Args:
      target: the column that they are from, or several.
      task: what it holds.
      separator: what separates several labels in a cell; None finds it.
      found: all files, whose labels are the classes.
      good: those that can be read.

    Returns:
      The targets of `good`, as `Target` has them, and what they are.

    Raises:
      UserError: a label is no number where one must be, or there is one class only.
    """
    lines = [file.line for file in found]
    if isinstance(target, str) and task == "text":
        every, some = ([unicodedata.normalize("NFC", str(file.label)) for file in files] for files in (found, good))
        return _encode_texts(target, every, some)
    if isinstance(target, str) and task == "labels":
        held, kind = split_labels(f"label {target}", [file.label for file in found], separator)
        row_of = {file.path: row for row, file in enumerate(found)}
        targets = held[[row_of[file.path] for file in good]]
    elif isinstance(target, str):
        targets, kind = _encode(target, task, [file.label for file in found], [file.label for file in good], lines)
    else:
        cells = [zip(*(file.label for file in files)) for files in (found, good)]
        parts = [_encode(name, task, every, some, lines) for name, every, some in zip(target, *cells)]
        targets, kind = join_targets(target, parts, task)
    return (targets.reshape(len(good), -1).astype(np.float32) if kind.kind == "number" else targets), kind


def _encode(name: str, task: Task, every: Sequence, texts: Sequence, lines: Sequence[int]) -> tuple[np.ndarray, Target]:
    """Converts a column of labels, `texts`, to class indices among those in `every`, on `lines`, or to numbers."""
    if task == "number":
        read = _number_format(name, every, lines).read
        return np.array([read(text) for text in texts]), Target("number", (name,))
    names = sorted(set(every))
    if len(names) < 2:
        raise UserError(f"column {name} holds {names[0]!r} alone; there is nothing to predict")
    index_of = {text: index for index, text in enumerate(names)}
    return np.array([index_of[text] for text in texts], np.int32), Target("class", tuple(names))


def _number_format(name: str, texts: Sequence[str], lines: Sequence[int]) -> NumberFormat:
    """Returns how the numbers of a column are written, with a decimal comma for example.

    Raises:
      UserError: some are no numbers, or may be two.
    """
    try:
        for text in texts:
            PLAIN.read_figure(text)
        return PLAIN
    except ValueError as error:
        formats = find_formats(set(texts), None, None)
        if not formats:
            row, count = _find_odd(texts)
            where = f"{texts[row]!r}" + (f" in line {lines[row]}" if lines[row] else "")
            raise UserError(
                f"data.task is 'number', and column {name} holds {where}, and {count} such in all; write numbers "
                "alone, and nothing where there is none"
            ) from error
    if len(formats) > 1:
        read = " or ".join(f"{form.read(texts[0]):.15g}" for form in formats)
        raise UserError(f"column {name} holds {texts[0]!r} and the like, which may be {read}; write decimal points")
    logger.info(f"column {name}: {texts[0]!r} is read as {formats[0].read(texts[0]):.15g} ({formats[0].describe()})")
    return formats[0]


def _find_odd(texts: Sequence[str]) -> tuple[int, int]:
    """Returns where the first text is that is no number, in the format of most of them, and how many are none."""
    different = set(texts)
    fewest = different
    for form in candidates(different, None, None):
        fewest = min(fewest, {text for text in different if not _reads(form, text)}, key=len)
    odd = [row for row, text in enumerate(texts) if text in fewest]
    return odd[0], len(odd)


def _reads(form: NumberFormat, text: str) -> bool:
    try:
        form.read(text)
    except ValueError:
        return False
    return True


def _encode_texts(name: str, every: Sequence, texts: Sequence) -> tuple[np.ndarray, Target]:
    """Converts texts to characters among those in `every`, (examples, length), IGNORE after the last one."""
    characters = sorted(set("".join(every)))
    if not characters:
        raise UserError(f"column {name} holds no text; there is nothing to predict")
    target = Target("class", tuple(characters), dense_shape=(max(map(len, texts)),))
    index_of = {character: index for index, character in enumerate(characters)}
    targets = np.full((len(texts), *target.dense_shape), IGNORE, target.dtype)
    for row, text in zip(targets, texts):
        row[: len(text)] = [index_of[character] for character in text]
    return targets, target


def report_targets(folder: Path, plural: str, target: Target, targets: np.ndarray) -> None:
    """Logs how many examples there are, and what they are labelled with.

    Args:
      folder: what the examples come from.
      plural: what they are called.
      target: what the targets are.
      targets: as `Target` has them.
    """
    if target.dense_shape:
        told = f"{(targets >= 0).sum()} characters, {len(target.names)} different ones"
        logger.info(f"{folder}: {len(targets)} {plural} with texts of {told}")
        return
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
