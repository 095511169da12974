"""Finds the files of a folder and their labels: by folders, by names, or in a table."""

import logging
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from jaxflow.data.folders.split_folders import (
    Folders,
    inverted_splits,
    label_in_name,
    same_folders,
    split_folders,
    splits_of,
)
from jaxflow.data.folders.table_paths import find_listed
from jaxflow.data.reading.category_names import MISSING, category_names, report_capitals
from jaxflow.data.reading.find import find_files, is_junk, list_files, require_folder_of
from jaxflow.data.reading.formats import Kind
from jaxflow.data.reading.text.rows import read_names, require_columns
from jaxflow.data.splitting.written import check_evaluation
from jaxflow.data.targets import doubt_labels
from jaxflow.errors import UserError, listed, perhaps

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
      line: number of that line; 0 where there is no table.
    """

    path: str
    label: str | tuple[str, ...]
    split: str | None = None
    cells: Mapping[str, str] | None = None
    line: int = 0


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
      numbers: whether these are no classes, but numbers or texts.

    Returns:
      The files in ascending order of their paths.

    Raises:
      UserError: there are no files, a file has no label, or the labels say nothing.
    """
    require_folder_of(folder, kind)
    if labels is not None:
        found = _from_table(folder, kind, labels, target, follow_links)
        targets = (target,) if isinstance(target, str) else target
        found = found if numbers else _named_by_value(found, targets, folder / labels)
    else:
        found = _from_names(folder, kind, find_files(folder, kind, follow_links), folders)
        found = _named_alike(found, folder)
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
        way = f"data.target names a column of classes, and {target} has another text in each" if labels else WAYS
        raise UserError(f"each of the {len(found)} {kind.plural} of {folder} is a class of its own; {way}")
    return found


def _from_names(folder: Path, kind: Kind, names: Sequence[str], folders: Folders) -> list[LabelledFile]:
    by_top = defaultdict(list)
    for name in names:
        by_top[name.partition("/")[0] if "/" in name else ""].append(name)
    if folders == "auto" and inverted_splits(by_top):
        _report_beside(folder, kind, "", len(by_top[""]))
        parts = [(name, *name.split("/")[:2]) for name in names if "/" in name]
        meant = splits_of({inner for _, _, inner in parts})
        check_evaluation(meant, f"the class folders of {folder}")
        return [LabelledFile(name, label, meant[inner]) for name, label, inner in parts]
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
    if not table.exists():
        here = f"the one here is labels={os.path.relpath(labels, folder)!r}" if Path(labels).is_file() else ""
        way = here or f"name a CSV of path,label{perhaps(table)}"
        raise UserError(f"data.labels {table} is not there; {labels!r} is relative to the folder {folder}; {way}")
    header, rows = read_names(table, "data.labels: a CSV of path,label", ("path", *targets))
    if {"path", *targets}.isdisjoint(header) and (names := [name for name in header if os.path.isfile(folder / name)]):
        wanted = ",".join(("path", *targets))
        raise UserError(f"{table}: its first line is a row already, of {names[0]}; write {wanted} into a line above it")
    require_columns(str(table), header, {"path": ""} | dict.fromkeys(targets, "data.target"))
    if not rows:
        raise UserError(f"data.labels {table} lists no {kind.plural}")
    root, seen, found, missing = folder.resolve(), {}, [], Counter()
    files = set(list_files(folder, kind, follow_links)[0])
    paths = find_listed(folder, kind, table, [(number, row.get("path", "")) for number, row in rows], files)
    for (number, row), path in zip(rows, paths):
        where, cells = f"{table}, line {number}", tuple(row.get(name, "") for name in targets)
        if not follow_links and not (folder / path).resolve().is_relative_to(root):
            raise UserError(
                f"{where}: {path} is a link that leads out of {folder}; put the file there, or follow links: "
                "--data.follow_links=True"
            )
        if short := [name for name in targets if name not in row]:
            raise UserError(f"{where}: {path} has no {short[0]}, since the line is too short; write one, or nothing")
        if path in seen:
            raise UserError(f"{where}: {path} is on line {seen[path]} already; remove one of them")
        seen[path] = number
        if absent := [cell for cell in cells if cell in MISSING]:
            missing[absent[0]] += 1
            continue
        found.append(LabelledFile(path, cells[0] if isinstance(target, str) else cells, cells=row, line=number))
    unlisted = files - seen.keys()
    if missing:
        cells = listed(sorted(map(repr, missing)))
        logger.info(f"not used: {missing.total()} {kind.plural} of {folder} of which {labels} has no label ({cells})")
    if not found:
        raise UserError(f"data.labels {table} has no label for any of its {kind.plural}; write them")
    if unlisted:
        logger.info(f"not used: {len(unlisted)} {kind.plural} of {folder} that {labels} does not list")
    return found


def _named_alike(files: Sequence[LabelledFile], folder: Path) -> list[LabelledFile]:
    """Returns files whose classes are one where Unicode alone writes their names differently (NFC), which is logged."""
    name_of = {file.label: unicodedata.normalize("NFC", str(file.label)) for file in files}
    if several := [name for name, count in Counter(name_of.values()).items() if count > 1]:
        logger.info(f"{folder}: {listed(map(repr, several))} is written in two ways of Unicode, which are one class")
    report_capitals(name_of.values(), str(folder))
    return [replace(file, label=name_of[file.label]) for file in files]


def _named_by_value(files: list[LabelledFile], targets: Sequence[str], table: Path) -> list[LabelledFile]:
    """Returns files with labels that are the same however a value is written."""
    columns = list(zip(*((file.label,) if isinstance(file.label, str) else file.label for file in files)))
    for place, (target, cells) in enumerate(zip(targets, columns)):
        names = category_names(set(cells), str(table))
        columns[place] = tuple(names[cell] for cell in cells)
        way = "data.task='number' (--data.task=number) predicts such"
        doubt_labels(f"column {target} of {table}", columns[place], way)
    if isinstance(files[0].label, str):
        return [replace(file, label=label) for file, label in zip(files, columns[0])]
    return [replace(file, label=cells) for file, cells in zip(files, zip(*columns))]
