"""Finds the files of a kind in a folder, and counts what is not used."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Set
from pathlib import Path, PurePath

from jaxflow.data.reading.formats import Kind
from jaxflow.data.reading.text.files import table_suffix
from jaxflow.errors import UserError, listed, perhaps

logger = logging.getLogger("jaxflow")

# Folders that systems make beside the data: thumbnails of Synology's, copies of macOS's archives, waste baskets.
JUNK = ("@eadir", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found", "system volume information")
# Files of that kind.
JUNK_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini")
# How files end that hold others.
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
# Suffixes that are named where there are more.
MAX_SUFFIXES = 8


def is_junk(name: str) -> bool:
    """Returns whether a folder is hidden, or one that a system made: thumbnails, waste baskets."""
    return name.startswith(".") or name.lower() in JUNK


def require_folder_of(folder: Path, kind: Kind) -> None:
    """Raises UserError if there is no such folder, and says what to name where it is a file."""
    if os.path.isdir(folder):  # unlike Path's own, never raises
        return
    if not os.path.exists(folder):
        raise UserError(f"{folder} is not there; name a folder of {kind.plural}{perhaps(folder, Path.is_dir)}")
    advice = f"name a folder of {kind.plural}"
    if folder.name.lower().endswith(ARCHIVES):
        advice = f"unpack it, and {advice}"
    elif folder.name.lower().endswith(kind.suffixes):
        advice += f", such as {folder.parent}"
    elif table_suffix(folder) in (".csv", ".tsv"):
        advice += ", and of those with a label each the table by data.labels"
    raise UserError(f"{folder} is a file; {advice}")


def find_files(folder: Path, kind: Kind, follow_links: bool = False) -> list[str]:
    """Lists the files of a kind in a folder and in the folders below it; what else there is is counted in one line.

    Args:
      folder: the folder.
      kind: the kind of files.
      follow_links: whether symbolic links are followed.

    Returns:
      Their paths relative to `folder`, with slashes, in ascending order.

    Raises:
      UserError: there are none, a folder cannot be listed, or a name is not UTF-8.
    """
    names, unused, links = list_files(folder, kind, follow_links)
    if not names:
        others = "".join(f"; {part}" for part in (unused and f"it holds {unused}", links) if part)
        raise UserError(f"{folder} holds no {kind.plural} ({', '.join(sorted(kind.suffixes))}){others}")
    for part in (unused and f"not used: {unused}", links):
        if part:
            logger.info(f"{part} in {folder}")
    return names


def list_files(folder: Path, kind: Kind, follow_links: bool = False) -> tuple[list[str], str, str]:
    """Lists the files of a kind, as `find_files` does, and whatever else there is.

    Hidden files and folders of thumbnails are skipped. Symbolic links may lead out of the folder, into a loop, or show
    one file in two splits: they are followed by wish alone, loops are cut, and files with two names are counted.

    Returns:
      The paths; in words what files are not used; and in words which links are not followed; "" where there are none.
    """

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be listed: {error.strerror}; give it the permissions to be read")

    found, links, junk, suffixes = [], 0, set(), Counter()
    for at, folders, files in os.walk(folder, onerror=fail, followlinks=follow_links):
        linked = [name for name in folders if os.path.islink(os.path.join(at, name))]
        links += 0 if follow_links else len(linked)
        folders[:] = [name for name in folders if name not in linked or not _is_loop(os.path.join(at, name))]
        junk |= {os.path.join(at, name) for name in folders if is_junk(name)}
        folders[:] = [name for name in folders if not is_junk(name)]
        for name in files:
            path, hidden, fits = os.path.join(at, name), name.startswith("."), name.lower().endswith(kind.suffixes)
            if name.lower() in JUNK_FILES or name.lower().endswith(kind.companions) or (hidden and not fits):
                continue
            mode = _mode(path, follow_links)
            if stat.S_ISLNK(mode):
                links += 1
            elif fits and stat.S_ISREG(mode) and not hidden:
                found.append(path)
            else:
                suffixes["hidden" if hidden else PurePath(name).suffix.lower() or "without a suffix"] += 1
    names = sorted(Path(path).relative_to(folder).as_posix() for path in found)
    wrong = [name for name in names if not name.isascii() and not _is_text(name)]
    if wrong:
        raise UserError(f"{folder} holds a file whose name is not UTF-8: {wrong[0]!a}; rename it")
    twice = len(found) - len({os.path.realpath(path) for path in found}) if follow_links else 0
    return names, _unused(suffixes, junk), _links(links, twice, follow_links)


def _is_loop(link: str) -> bool:
    """Returns whether a link leads to a folder that it lies in."""
    target = os.path.realpath(link)
    parents = Path(os.path.abspath(link)).parents
    return any(target == os.path.realpath(parent) for parent in parents)


def _mode(path: str, follow_links: bool) -> int:
    """Returns the kind of a file; that of a link where links are not followed, or lead nowhere."""
    try:
        return os.stat(path, follow_symlinks=follow_links).st_mode
    except OSError:
        return os.lstat(path).st_mode


def _unused(suffixes: Counter[str], junk: Set[str]) -> str:
    most = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} {suffix}" for suffix, count in most[:MAX_SUFFIXES]]
    parts += [f"{sum(count for _, count in most[MAX_SUFFIXES:])} others"] if most[MAX_SUFFIXES:] else []
    if junk:
        names = listed(sorted({os.path.basename(path) for path in junk}), 5)
        parts.append(f"{len(junk)} hidden or system folders ({names})")
    return ", ".join(parts)


def _links(count: int, twice: int, follow_links: bool) -> str:
    if follow_links:
        said = [f"{count} symbolic links that lead nowhere are not used"] if count else []
        said += [f"{twice} files are there under two names, by symbolic links"] if twice else []
        return " and ".join(said)
    if count == 0:
        return ""
    return f"not followed: symbolic links, {count} of them (--data.follow_links=True follows them)"


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
