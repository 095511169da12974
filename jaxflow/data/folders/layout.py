"""Finds the files of a folder and their labels: by folders, by names, or in a table."""

import csv
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jaxflow.data.reading.formats import Kind, find_files, none_found
from jaxflow.data.reading.limits import read_lines
from jaxflow.errors import UserError
from jaxflow.runtime.regular_files import require_regular

logger = logging.getLogger("jaxflow")

# Names of folders that are splits.
OFFICIAL = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
# The label in a file's name, and what separates it from the rest: cat.0.jpg, cat_0.jpg, cat-0.jpg, cat 0.jpg.
LABEL = re.compile(r"([^._\s-]+)[._\s-]")

WAYS = (
    "a class is a folder (cat/0.jpg), the beginning of a file's name (cat.0.jpg), or in a table of path,label "
    "(labels='labels.csv')"
)


@dataclass(frozen=True)
class LabelledFile:
    """A file with a class.

    Attributes:
      path: relative to the dataset's folder, with slashes.
      label: name of its class.
      split: the split whose folder it lies in ("train", "validation", "test"); None where there are no such folders.
    """

    path: str
    label: str
    split: str | None = None


def find_labelled(folder: Path, kind: Kind, labels: str | None) -> list[LabelledFile]:
    """Finds the files of a dataset and their labels; files that are not used are logged.

    Args:
      folder: a folder for each class; or train, validation and test folders of such; or files whose names begin with
        their class.
      kind: kind of the files.
      labels: CSV file with the columns path and label, relative to `folder`; None where there is none.

    Returns:
      The files in ascending order of their paths.

    Raises:
      UserError: there are no files, a file has no label, or the labels say nothing.
    """
    if not os.path.isdir(folder):  # unlike Path's own, never raises
        wrong = "a file" if os.path.exists(folder) else "not there"
        raise UserError(f"{folder} is {wrong}; name a folder of {kind.plural}")
    if labels is not None:
        found = _from_table(folder, kind, labels)
    else:
        found = _from_names(folder, kind, find_files(folder, kind))
    found.sort(key=lambda file: file.path)
    classes = {file.label for file in found}
    if len(classes) == 1:
        raise UserError(
            f"all {len(found)} {kind.plural} of {folder} are of one class, {min(classes)!r}; name a folder "
            "that has a folder for each class"
        )
    if len(classes) == len(found):
        raise UserError(f"each of the {len(found)} {kind.plural} of {folder} is a class of its own; {WAYS}")
    return found


def _from_names(folder: Path, kind: Kind, names: Sequence[str]) -> list[LabelledFile]:
    if not names:
        raise none_found(folder, kind)
    by_top = defaultdict(list)
    for name in names:
        by_top[name.partition("/")[0] if "/" in name else ""].append(name)
    official = {top: OFFICIAL[top.lower()] for top in by_top if top.lower() in OFFICIAL}
    if "train" not in official.values():
        if official and len(official) == len(by_top):
            raise UserError(f"{folder} has {' and '.join(official)} but no train folder with {kind.plural}; add one")
        return list(_labelled(folder, kind, "", names))
    for split in official.values():
        same = [top for top in official if official[top] == split]
        if len(same) > 1:
            raise UserError(f"{folder} has two folders for one split: {' and '.join(same)}; leave one of them")
    train = next(top for top, split in official.items() if split == "train")
    found = list(_labelled(folder, kind, train, by_top[train]))
    classes = {file.label for file in found}
    for top in sorted(by_top.keys() - {train}):
        flat = all(name.count("/") == 1 for name in by_top[top])
        if top in official and not (flat and any(_label(name) not in classes for name in by_top[top])):
            found += _labelled(folder, kind, top, by_top[top])
        else:
            logger.info(f"not used: {len(by_top[top])} {kind.plural} in {folder / top}, which is no split with labels")
    return [LabelledFile(file.path, file.label, official[file.path.partition("/")[0]]) for file in found]


def _labelled(folder: Path, kind: Kind, below: str, names: Sequence[str]) -> Iterator[LabelledFile]:
    """Labels files by the folder they lie in below `below`; where none lies in one, by their names."""
    inner = {name: name.removeprefix(f"{below}/") for name in names}
    nested = [name for name in names if "/" in inner[name]]
    if nested:
        if len(nested) < len(names):
            logger.info(
                f"not used: {len(names) - len(nested)} {kind.plural} of {folder / below} beside the class folders"
            )
        for name in nested:
            yield LabelledFile(name, inner[name].partition("/")[0])
        return
    for name in names:
        label = _label(name)
        if label is None:
            raise UserError(f"{folder / name} has no label; {WAYS}")
        yield LabelledFile(name, label)


def _label(name: str) -> str | None:
    found = LABEL.match(PurePosixPath(name).stem)
    return found[1] if found else None


def _from_table(folder: Path, kind: Kind, labels: str) -> list[LabelledFile]:
    table = folder / labels
    require_regular(table)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(read_lines(file, table), strict=True)
            header = next(lines, [])
            for column in ("path", "label"):
                if header.count(column) != 1:
                    raise UserError(
                        f"{table} has {header.count(column)} columns named {column!r} (its first line is "
                        f"{','.join(header)!r}); it takes one 'path' and one 'label'"
                    )
            rows = [(lines.line_num, dict(zip(header, row))) for row in lines if row]
    except OSError as error:
        raise UserError(f"data.labels {table} cannot be read: {error.strerror}; name a CSV of path,label") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data.labels {table} is no CSV in UTF-8: {error}") from error
    if not rows:
        raise UserError(f"data.labels {table} lists no {kind.plural}")
    root, seen, found = folder.resolve(), {}, []
    for number, row in rows:
        where, path, label = f"{table}, line {number}", PurePosixPath(row.get("path", "")), row.get("label", "").strip()
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{where}: {path} leads out of {folder}; paths are relative to it")
        if not os.path.isfile(folder / path):
            raise UserError(f"{where}: there is no file {folder / path}; correct the path or remove the line")
        if not (folder / path).resolve().is_relative_to(root):
            raise UserError(f"{where}: {path} is a link that leads out of {folder}; put the file there")
        if not label:
            raise UserError(f"{where}: {path} has no label; write one or remove the line")
        if path in seen:
            raise UserError(f"{where}: {path} is on line {seen[path]} already; remove one of them")
        seen[path] = number
        found.append(LabelledFile(str(path), label))
    return found
