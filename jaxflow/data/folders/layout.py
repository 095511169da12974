"""Finds the files of a folder and their labels: by folders, by names, or in a table."""

import csv
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from jaxflow.data.folders.split_folders import (
    Folders,
    inverted_splits,
    label_in_name,
    same_folders,
    split_folders,
    split_of,
)
from jaxflow.data.reading.category_names import MISSING, category_names
from jaxflow.data.reading.dialect import Dialect, find_delimiter
from jaxflow.data.reading.find import find_files, is_junk, list_files
from jaxflow.data.reading.formats import Kind
from jaxflow.data.reading.limits import read_lines
from jaxflow.data.reading.text_files import open_text
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")

WAYS = (
    "a class is a folder (cat/0.jpg), the beginning of a file's name (cat.0.jpg), or in a table of path,label "
    "(labels='labels.csv')"
)


@dataclass(frozen=True)
class LabelledFile:
    """A file with a class.

    Attributes:
      path: relative to the dataset's folder, with slashes.
      label: name of its class; of several targets, the cell of each.
      split: the split whose folder it lies in ("train", "validation", "test"); None where there are no such folders.
      cells: its line in the table of labels, by column; None where there is no table.
    """

    path: str
    label: str | tuple[str, ...]
    split: str | None = None
    cells: Mapping[str, str] | None = None


def find_labelled(
    folder: Path,
    kind: Kind,
    labels: str | None,
    folders: Folders = "auto",
    follow_links: bool = False,
    target: str | tuple[str, ...] = "label",
    numbers: bool = False,
) -> list[LabelledFile]:
    """Finds the files of a dataset and their labels; files that are not used are logged.

    Args:
      folder: a folder for each class; or train, validation and test folders of such; or files whose names begin with
        their class.
      kind: kind of the files.
      labels: CSV file with the columns path and label, relative to `folder`; None where there is none.
      folders: what the folders in `folder` are; "auto" infers it.
      follow_links: whether symbolic links are followed.
      target: what is read of the table in place of its column label; several columns give each file several.
      numbers: whether these are no classes.

    Returns:
      The files in ascending order of their paths.

    Raises:
      UserError: there are no files, a file has no label, or the labels say nothing.
    """
    if not os.path.isdir(folder):  # unlike Path's own, never raises
        wrong = "a file" if os.path.exists(folder) else "not there"
        raise UserError(f"{folder} is {wrong}; name a folder of {kind.plural}")
    if labels is not None:
        found = _from_table(folder, kind, labels, target, follow_links)
    else:
        found = _from_names(folder, kind, find_files(folder, kind, follow_links), folders)
    found.sort(key=lambda file: file.path)
    classes = {file.label for file in found}
    if numbers or not isinstance(target, str):
        return found
    if len(classes) == 1:
        raise UserError(
            f"all {len(found)} {kind.plural} of {folder} are of one class, {min(classes)!r}; name a folder "
            "that has a folder for each class"
        )
    if len(classes) == len(found):
        raise UserError(f"each of the {len(found)} {kind.plural} of {folder} is a class of its own; {WAYS}")
    return found


def _from_names(folder: Path, kind: Kind, names: Sequence[str], folders: Folders) -> list[LabelledFile]:
    by_top = defaultdict(list)
    for name in names:
        by_top[name.partition("/")[0] if "/" in name else ""].append(name)
    if folders == "auto" and inverted_splits(by_top):
        _report_beside(folder, kind, "", len(by_top[""]))
        return [
            LabelledFile(name, name.split("/")[0], split_of(name.split("/")[1])) for name in names if name.count("/")
        ]
    splits = split_folders(folder, by_top, folders)
    if not splits:
        if inner := same_folders(by_top):
            logger.info(f"{folder}: its folders are the classes, and each of them holds {listed(inner, 5)}")
        return list(_labelled(folder, kind, "", names))
    inside = {below: [name for name in names if name.startswith(f"{below}/")] for below in splits}
    train = next(below for below, split in splits.items() if split == "train")
    found = {train: list(_labelled(folder, kind, train, inside[train]))}
    classes = {file.label for file in found[train]}
    for below in [below for below in inside if below != train]:
        flat = all(name.count("/") == below.count("/") + 1 for name in inside[below])
        if not (flat and any(label_in_name(name) not in classes for name in inside[below])):
            found[below] = list(_labelled(folder, kind, below, inside[below]))
    for top in sorted(by_top):
        if not any(below.split("/")[0] == top for below in found):
            where = folder / top
            logger.info(f"not used: {len(by_top[top])} {kind.plural} in {where}, which is no split with labels")
    return [LabelledFile(file.path, file.label, splits[below]) for below, files in found.items() for file in files]


def _labelled(folder: Path, kind: Kind, below: str, names: Sequence[str]) -> Iterator[LabelledFile]:
    """Labels files by the folder they lie in below `below`; where none lies in one, by their names."""
    inner = {name: name.removeprefix(f"{below}/") for name in names}
    nested = [name for name in names if "/" in inner[name]]
    if nested:
        _report_beside(folder, kind, below, len(names) - len(nested))
        _report_empty(folder / below, kind, {inner[name].partition("/")[0] for name in nested})
        for name in nested:
            yield LabelledFile(name, inner[name].partition("/")[0])
        return
    for name in names:
        label = label_in_name(name)
        if label is None:
            folders = f"; if {below} is a class: --data.folders=classes" if below else ""
            raise UserError(f"{folder / name} has no label; {WAYS}{folders}")
        yield LabelledFile(name, label)


def _report_beside(folder: Path, kind: Kind, below: str, count: int) -> None:
    if count:
        logger.info(f"not used: {count} {kind.plural} of {folder / below} beside the class folders")


def _report_empty(folder: Path, kind: Kind, classes: Set[str]) -> None:
    """Logs the names of class folders that hold no file of the kind."""
    empty = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_junk(entry.name))
    empty = [name for name in empty if name not in classes]
    if empty:
        logger.warning(f"no {kind.plural} in {len(empty)} of the class folders of {folder}: {listed(empty, 10)}")


def _from_table(
    folder: Path, kind: Kind, labels: str, target: str | tuple[str, ...], follow_links: bool
) -> list[LabelledFile]:
    table, targets = folder / labels, (target,) if isinstance(target, str) else target
    try:
        delimiter = find_delimiter(table, Dialect(), ("path", *targets))
        with open_text(table) as file:
            lines = csv.reader(read_lines(file, table), delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(lines, [])]
            for column in ("path", *targets):
                if header.count(column) != 1:
                    raise UserError(
                        f"{table} has {header.count(column)} columns named {column!r} (its first line is "
                        f"{','.join(header)!r}); it takes one 'path' and one {targets[0]!r}"
                    )
            rows = [(lines.line_num, dict(zip(header, row))) for row in lines if row]
    except OSError as error:
        raise UserError(f"data.labels {table} cannot be read: {error.strerror}; name a CSV of path,label") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data.labels {table} is no CSV in UTF-8: {error}") from error
    if not rows:
        raise UserError(f"data.labels {table} lists no {kind.plural}")
    root, seen, found, missing = folder.resolve(), {}, [], Counter()
    for number, row in rows:
        where, path = f"{table}, line {number}", PurePosixPath(row.get("path", ""))
        cells = tuple(row.get(name, "").strip() for name in targets)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{where}: {path} leads out of {folder}; paths are relative to it")
        if not os.path.isfile(folder / path):
            raise UserError(f"{where}: there is no file {folder / path}; correct the path or remove the line")
        if not follow_links and not (folder / path).resolve().is_relative_to(root):
            raise UserError(
                f"{where}: {path} is a link that leads out of {folder}; put the file there, or follow links: "
                "--data.follow_links=True"
            )
        if not all(cells):
            raise UserError(f"{where}: {path} has no {targets[cells.index('')]}; write one or remove the line")
        if path in seen:
            raise UserError(f"{where}: {path} is on line {seen[path]} already; remove one of them")
        seen[path] = number
        if absent := [cell for cell in cells if cell in MISSING]:
            missing[absent[0]] += 1
            continue
        found.append(LabelledFile(str(path), cells[0] if isinstance(target, str) else cells, cells=row))
    unlisted = set(list_files(folder, kind, follow_links)[0]) - set(map(str, seen))
    if missing:
        cells = listed(sorted(map(repr, missing)))
        logger.info(f"not used: {missing.total()} {kind.plural} of {folder} of which {labels} has no label ({cells})")
    if not found:
        raise UserError(f"data.labels {table} has no label for any of its {kind.plural}; write them")
    if unlisted:
        logger.info(f"not used: {len(unlisted)} {kind.plural} of {folder} that {labels} does not list")
    return _named_by_value(found, str(table))


def _named_by_value(files: list[LabelledFile], where: str) -> list[LabelledFile]:
    """Returns files with labels that are the same however a value is written."""
    if isinstance(files[0].label, str):
        names = category_names({file.label for file in files}, where)
        return [replace(file, label=names[file.label]) for file in files]
    columns = [category_names(set(cells), where) for cells in zip(*(file.label for file in files))]
    return [replace(file, label=tuple(of[cell] for of, cell in zip(columns, file.label))) for file in files]
