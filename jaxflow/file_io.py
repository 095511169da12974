"""Files: atomic writes, what dead processes left of them, and errors of the disk in one line."""

import contextlib
import errno
import functools
import hashlib
import itertools
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from jaxflow.errors import UserError

# .NAME.HOST-PID-START-NUMBER; and of earlier versions .NAME.PID and .making-RANDOM.
TEMPORARY = re.compile(r"\..+\.(?:(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-\d+|\d+)|\.making-\w{8}")
# A temporary of another machine, where nobody can say whether its process lives, is left alone for so long.
ABANDONED_SECONDS = 7 * 24 * 3600.0
# How Orbax's storage library reports an error of the operating system.
_OS_ERROR = re.compile(r"OS error (\d+)")
_numbers = itertools.count()
# Temporary files of this process.
_unfinished: set[Path] = set()


def temporary(path: Path) -> Path:
    """Returns an unused path beside `path` for a file or folder that will take its place.

    Its name has the process in it, so that what a dead one left behind is found: the first call for a folder removes
    such leftovers there.
    """
    _clear_once(path.parent, os.getpid())
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{_start_of(os.getpid())}-{next(_numbers)}")


def is_temporary(name: str) -> bool:
    """Returns whether a name is one that `temporary` returns, in this version or an earlier one."""
    return TEMPORARY.fullmatch(name) is not None


def clear_leftovers(folder: Path) -> None:
    """Removes the temporaries that dead processes left in a folder.

    A process of this machine is dead if there is none of its number that started when it did; of other machines (and
    of containers with process numbers of their own) nothing is known, and their files are removed a week after they
    were changed last. What cannot be removed is left.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            found = TEMPORARY.fullmatch(entry.name)
            if found and _is_abandoned(found, entry):
                remove(Path(entry.path), ignore_errors=True)


def remove(path: Path, ignore_errors: bool = False) -> None:
    """Removes a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=ignore_errors)
        return
    with contextlib.suppress(OSError if ignore_errors else FileNotFoundError):
        path.unlink()


def remove_unfinished() -> None:
    """Removes the temporary files that are being written: for a process that ends at once."""
    for path in list(_unfinished):
        remove(path, ignore_errors=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path of a temporary file, which replaces `path` at the end; after an error it is removed.

    Args:
      path: a symbolic link is kept, and what it points to is replaced.

    Raises:
      UserError: there is a device, a pipe or a socket of that name.
    """
    path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path} is no regular file and is not replaced; name another")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = temporary(path)
    # Made here and by nobody else: a link that waits under its name would be followed.
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    _unfinished.add(fresh)
    try:
        yield fresh
        os.replace(fresh, path)
    except BaseException:
        remove(fresh, ignore_errors=True)  # without masking the error
        raise
    finally:
        _unfinished.discard(fresh)


@contextmanager
def open_atomically(path: Path) -> Iterator[TextIO]:
    """Opens a text file to write, as `replacing` does: readers and crashes see the old text or the new."""
    with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8, so that readers and crashes see the old content or the new, never a part."""
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as fresh, fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def storage_error(path: Path, advice: str = "") -> Iterator[None]:
    """Raises errors of files and disks as one line.

    Args:
      path: what is written or read.
      advice: what to do, for errors that do not say it themselves.

    Raises:
      UserError: the operating system refused to read or write: the disk is full, broken or read-only, there are too
        many open files, permission is denied. Errors of connections and of other processes pass.
    """
    try:
        yield
    except UserError:
        raise
    except (ConnectionError, BrokenPipeError, ChildProcessError, InterruptedError):
        raise
    except Exception as error:
        number = error_number(error)
        if number is None:
            raise
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"disk full: cannot write {path}; free space, and launch again to go on from the last checkpoint"
            ) from error
        named = getattr(error, "filename", None)
        where = os.fsdecode(named) if isinstance(named, (str, bytes, os.PathLike)) else path
        raise UserError(f"cannot read or write {where}: {os.strerror(number)}{advice and f'; {advice}'}") from error


def error_number(error: BaseException) -> int | None:
    """Returns the operating system's number of an error, which libraries may have put into their texts; or None."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = f"{error!r}"
    found = _OS_ERROR.search(text)
    if found:
        return int(found[1])
    return next((number for number in _SPELLED_OUT if os.strerror(number) in text), None)


_SPELLED_OUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ESTALE)


def check_name(path: Path) -> None:
    """Raises UserError if a path cannot be written as UTF-8, which some of the libraries that write there need."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"the name {os.fsencode(path)!r} is not UTF-8 in this locale; choose another, or set LC_ALL=C.UTF-8"
        ) from None


@functools.cache  # once for each folder in a process: report/ alone gets a dozen files
def _clear_once(folder: Path, process: int) -> None:
    clear_leftovers(folder)


def _is_abandoned(found: re.Match[str], entry: "os.DirEntry[str]") -> bool:
    if found["host"] == _host():
        return _start_of(int(found["pid"])) != int(found["start"])
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED_SECONDS


@functools.cache
def _host() -> str:
    """Returns what tells machines and their containers apart: equal process numbers are those of one process."""
    with contextlib.suppress(OSError):
        return _short_digest(platform.node() + os.readlink("/proc/self/ns/pid"))
    return _short_digest(platform.node())


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]


def _start_of(process: int) -> int:
    """Returns when a process started, in clock ticks since boot; 0 where that is unknown, -1 where there is none."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            text = file.read()
        return int(text.rpartition(b")")[2].split()[19])  # field 22; the second is the name, in parentheses
    except FileNotFoundError:
        pass
    except (OSError, ValueError, IndexError):
        return 0
    if os.path.exists("/proc/self/stat"):
        return -1
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return -1
    except OSError:
        pass
    return 0
