"""Finds the files that the paths of a table mean, which may be written on another machine or for another folder."""

import logging
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from jaxflow.data.reading.formats import Kind, without_suffix
from jaxflow.errors import UserError, listed, perhaps

logger = logging.getLogger("jaxflow")

# How a path of Windows begins, once its backslashes are slashes.
DRIVE = re.compile(r"[A-Za-z]:/")


def find_listed(folder: Path, kind: Kind, table: Path, rows: Sequence[tuple[int, str]], files: Set[str]) -> list[str]:
    """Finds the file of each path in a table.

    A path is relative to the folder. One of which there is no such file is read otherwise where it then means one file:
    with backslashes, percent signs or capitals of another system, absolute, with the folder's own name before it,
    relative to the table, without the suffix. Such are counted in the log.

    Args:
      folder: the dataset's folder.
      kind: kind of its files.
      table: where the paths are written.
      rows: number of the line and path of each.
      files: the folder's files of that kind, relative to it.

    Returns:
      Their paths relative to `folder`, with slashes.

    Raises:
      UserError: a path means no file, or may mean several; the line is named.
    """
    others = {text: number for number, text in reversed(rows) if not _is_file(folder, text)}
    if not others:
        return [str(PurePosixPath(text)) for _, text in rows]
    rough = defaultdict(list)
    for file in files:
        rough[_rough(file)].append(file)
        rough[_rough(without_suffix(file, kind))].append(file)
    roots = {f"{root.rstrip('/')}/" for root in (os.path.abspath(folder), os.path.realpath(folder))}
    starts = {f"{os.path.abspath(start)}/" for start in (folder, table.parent)}
    meant = {text: _files_meant(text, roots, starts, files, rough) for text in others}
    wrong = [(number, text) for text, number in others.items() if len(meant[text]) != 1]
    if wrong:
        number, text = min(wrong)
        count = f" ({len(wrong)} such paths)" if len(wrong) > 1 else ""
        raise UserError(f"{table}, line {number}: {_why(text, sorted(meant[text]), folder, files, rough)}{count}")
    first = next(text for _, text in rows if text in others)
    logger.info(f"{table}: {len(others)} paths are read as the files they mean: {first} as {min(meant[first])}")
    return [str(PurePosixPath(text)) if text not in others else min(meant[text]) for _, text in rows]


def _is_file(folder: Path, text: str) -> bool:
    """Returns whether a path means a file as it is written."""
    path = PurePosixPath(text)
    return not path.is_absolute() and ".." not in path.parts and os.path.isfile(folder / path)


def _files_meant(
    text: str, roots: Set[str], starts: Set[str], files: Set[str], rough: Mapping[str, Sequence[str]]
) -> set[str]:
    """Returns the files that a path may mean: those it names exactly in some reading, else those it names roughly."""
    readings = {below for each in _spellings(text) for below in _below(each, roots, starts)}
    return (readings & files) or {file for below in readings for file in rough.get(_rough(below), ())}


def _spellings(text: str) -> set[str]:
    """Returns what a path is with slashes only, and without percent signs of a URL."""
    texts = {text, text.replace("\\", "/")}
    return texts | {unquote(each.removeprefix("file://")) for each in texts}


def _below(text: str, roots: Set[str], starts: Set[str]) -> Iterator[str]:
    """Yields what a path may be below a folder, which is called `roots`; if relative, from one of `starts`."""
    if not _is_absolute(text):
        yield os.path.normpath(text)
        parts = PurePosixPath(os.path.normpath(text)).parts
        for own in (PurePosixPath(root).parts for root in roots):
            for count in range(1, min(len(parts), len(own))):
                if parts[:count] == own[-count:]:
                    yield "/".join(parts[count:])
    for whole in {os.path.normpath(os.path.join(start, text)) for start in starts}:
        yield from (whole.removeprefix(root) for root in roots if whole.startswith(root))


def _rough(path: str) -> str:
    """Returns what is left of a path where neither capitals nor the ways of Unicode to write a letter count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _is_absolute(text: str) -> bool:
    return text.startswith("/") or DRIVE.match(text) is not None


def _why(text: str, meant: Sequence[str], folder: Path, files: Set[str], rough: Mapping[str, Sequence[str]]) -> str:
    """Returns why a path means no file, or no single one, and what to do."""
    path = text.replace("\\", "/")
    if meant:
        return f"{text} may be {' or '.join(meant[:3])}; write which"
    if not text:
        return "it has no path; write one or remove the line"
    if _is_absolute(path) or os.path.normpath(path).startswith(".."):
        parts = PurePosixPath(path).parts
        tails = ["/".join(parts[first:]) for first in range(1, len(parts))]
        tail = next((each for each in tails if each in files), None)
        hint = f"; if it means {tail}, leave out what is before that" if tail else ""
        return f"{text} leads out of {folder}; paths are relative to it{hint}"
    if os.path.isdir(folder / path):
        return f"{text} is a folder of {folder}; a line names a file"
    name = PurePosixPath(_rough(path)).name
    named = sorted({file for key, of in rough.items() if PurePosixPath(key).name == name for file in of})
    if named:
        return (
            f"there is no file {folder / path}, and of that name {listed(named, 3)}; write paths below {folder}, or "
            f"name {folder / PurePosixPath(named[0]).parent} as data.path"
        )
    return f"there is no file {folder / path}{perhaps(folder / path)}; correct the path or remove the line"
