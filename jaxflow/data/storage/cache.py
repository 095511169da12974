"""Arrays that took long to compute, kept on disk with checksums."""

import contextlib
import grp
import hashlib
import json
import logging
import os
import pwd
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.errors import UserError
from jaxflow.file_io import temporary

logger = logging.getLogger("jaxflow")


def cache_folder() -> Path:
    """Returns the folder for all that can be computed again: $JAXFLOW_CACHE_DIR, else ~/.cache/jaxflow.

    It is made, for this user alone, where it is missing and can be.

    Raises:
      UserError: others may write there, and compiled programs from there are executed.
    """
    default = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "jaxflow"
    folder = Path(os.environ.get("JAXFLOW_CACHE_DIR") or default)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in (folder, folder / "programs", folder / "arrays"):
        _require_private(part)
    return folder


def _require_private(folder: Path) -> None:
    """Raises UserError if a folder of the cache is another user's, or others may write there."""
    try:
        about = folder.stat()
    except OSError:  # there is none: what is made there is this user's
        return
    fix = "set JAXFLOW_CACHE_DIR to a folder of your own (what a team shares is the data, not the cache)"
    if about.st_uid not in (os.geteuid(), 0):
        raise UserError(f"the cache {folder} is another user's (uid {about.st_uid}), and programs in it are run; {fix}")
    if about.st_mode & 0o002 or (about.st_mode & 0o020 and not _is_private_group(about.st_gid)):
        raise UserError(
            f"the cache {folder} may be written by others (mode {about.st_mode & 0o7777:04o}), and programs in it are "
            f"run; chmod go-w {folder} if nobody else used it, or {fix}"
        )


def _is_private_group(gid: int) -> bool:
    """Returns whether a group is that of this user alone, as many systems make one for each user."""
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def cache_key(path: Path, how: Any, names: Sequence[str] = (".",)) -> str:
    """Computes a key of files by path, size and time, and of what they become: what has changed has another key.

    Args:
      path: a file, or the folder of several.
      how: what they become; its repr must hold all of it.
      names: the files, below `path`.

    Returns:
      A key for `cached_arrays`.
    """
    stats = ((path / name).stat() for name in names)
    files = [(name, now.st_size, now.st_mtime_ns) for name, now in zip(names, stats)]
    digest = hashlib.sha256(repr((how, str(path.absolute()), files)).encode()).hexdigest()[:16]
    return f"{path.resolve().name}-{digest}"


def cached_arrays(
    key: str, make: Callable[[], Mapping[str, np.ndarray]], mapped: bool = False
) -> dict[str, np.ndarray]:
    """Reads arrays from the cache, or computes them and writes them there.

    Args:
      key: identifies what the arrays are computed from; a changed source must change it.
      make: computes the arrays, by name.
      mapped: whether the arrays are mapped from disk, read-only.

    Returns:
      The arrays. A cache entry that is damaged (its bytes do not match their checksums) is computed again, which is
      logged; where the cache cannot be written the arrays are computed each time.
    """
    folder = cache_folder() / "arrays" / key.encode()[-200:].decode(errors="ignore")  # a name has 255 bytes at most
    cached = _read(folder, mapped)
    if cached is not None:
        return cached
    if os.path.lexists(folder):
        logger.info(f"{folder} does not match its checksums and is made again")
    arrays = dict(make())
    with contextlib.suppress(OSError):  # a full disk or a read-only home costs time at the next start, nothing else
        _write(folder, arrays)
        return (_read(folder, mapped) if mapped else None) or arrays
    return arrays


def _digest(array: np.ndarray) -> str:
    """Computes a digest of an array's bytes, dtype and shape: a damaged header may turn bytes into other numbers."""
    digest = hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data)
    digest.update(repr((array.dtype.str, array.shape)).encode())
    return digest.hexdigest()


def _read(folder: Path, mapped: bool) -> dict[str, np.ndarray] | None:
    try:
        checksums = json.loads((folder / "checksums.json").read_text(encoding="utf-8"))
        mode = "r" if mapped else None
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode=mode, allow_pickle=False) for name in checksums}
        intact = all(_digest(arrays[name]) == digest for name, digest in checksums.items())
    except Exception:  # a damaged header may be anything to the parser of Python that NumPy reads it with
        return None
    return arrays if arrays and intact else None


def _write(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written under another name and renamed: another process sees a whole entry or none.
    fresh = temporary(folder)
    try:
        fresh.mkdir(mode=0o700)
        for name, array in arrays.items():
            np.save(fresh / f"{name}.npy", array, allow_pickle=False)
        digests = {name: _digest(array) for name, array in arrays.items()}
        (fresh / "checksums.json").write_text(json.dumps(digests), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        if folder.is_file():
            folder.unlink()
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
