"""Which run folders may execute their files: those that this user trained here, or said to trust.

A run with classes of its own holds the Python files that define them, and reading it executes these. A run folder may
come from anywhere; so it holds a mark, the digests of its files and the names of its classes under an HMAC-SHA256. The
key lies in the user's own state folder, outside of any run: a run may be moved, and nobody else can write its mark.
"""

import contextlib
import hashlib
import hmac
import itertools
import json
import logging
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError, listed
from jaxflow.file_io import write_atomically
from jaxflow.runtime.regular_files import read_regular
from jaxflow.serialization import FILE_MODULE

logger = logging.getLogger("jaxflow")

# In the run folder.
MARK = "trust.json"
# What may be a link to another disk: nothing there has a name that the data choose.
MOVABLE = ("checkpoints", "tensorboard", "damaged")
KEY_BYTES = 32
# Bytes of a file that is executed, or of a mark, at most.
MAX_BYTES = 1 << 24


def write_mark(workdir: Path, classes: Sequence[str], texts: Mapping[str, bytes]) -> None:
    """Marks files of a run folder as this user's; where that cannot be done, a warning says so.

    Args:
      workdir: the run folder.
      classes: names of the classes that the files define, as experiment.json has them; without any, nothing is marked.
      texts: the files by name.
    """
    if not classes:
        return
    marked = {"classes": list(classes), "files": {name: _digest(texts[name]) for name in sorted(texts)}}
    try:
        text = json.dumps(marked | {"hmac": _authenticate(_key(create=True), marked)}, indent=2) + "\n"
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        logger.warning(f"{workdir} cannot be marked as trained here ({reason}); to be read again it will take --trust")
        return
    write_atomically(workdir / MARK, text)


def files_to_execute(workdir: Path, classes: Sequence[str], trust: bool = False) -> dict[str, bytes]:
    """Returns the files of a run folder that may be executed.

    Args:
      workdir: the run folder.
      classes: names of the classes that its files must define, as experiment.json has them.
      trust: executes the files whatever they are, and marks them, so that this is said once; $JAXFLOW_TRUST=1 executes
        them without a mark.

    Returns:
      Their texts by name, as they were checked.

    Raises:
      UserError: a file is missing, or the files are not those that this user trained here.
    """
    needed = sorted({f"{name.partition(':')[0].removeprefix(FILE_MODULE)}.py" for name in classes})
    present = _python_files(workdir)
    for name in needed:
        if name not in present:
            raise UserError(
                f"{workdir} has no file {name!r} of its own, which experiment.json says defines classes of the run; "
                "restore the folder, or give the experiment with --config"
            )
    mark = _read_mark(workdir)
    reason = _objection(mark, classes, needed, present)
    if reason is None:
        return {name: present[name] for name in mark["files"]}
    if trust:
        with contextlib.suppress(OSError):  # a folder that cannot be written is trusted for this time
            write_mark(workdir, classes, present)
    elif os.environ.get("JAXFLOW_TRUST") != "1":
        raise UserError(
            f"{workdir} {reason}; its classes are its own, so reading it executes its {listed(present)}: look at the "
            "code, then add --trust (in jobs and scripts JAXFLOW_TRUST=1), or give your own file with --config"
        )
    return present


def check_links(workdir: Path) -> None:
    """Checks that what is written into a run folder is written there; checkpoints and TensorBoard may lie elsewhere.

    Raises:
      UserError: a file or a folder is a link that leads out, as a folder that came from elsewhere may hold.
    """
    inside = workdir.resolve()
    written = (path for name in ("predictions", "report") for path in (workdir / name).rglob("*"))
    for path in itertools.chain(workdir.iterdir() if workdir.is_dir() else (), written):
        movable = path.parent == workdir and path.name in MOVABLE
        if path.is_symlink() and not movable and not path.resolve().is_relative_to(inside):
            raise UserError(f"{path} is a link that leads out of the run folder; remove it, or copy the file")


def _objection(
    mark: dict[str, Any] | None, classes: Sequence[str], needed: Sequence[str], present: Mapping[str, bytes]
) -> str | None:
    """Returns why files are not known to be this user's; None where they are."""
    if mark is None:
        return "was not trained here by you"
    if mark["classes"] != list(classes) or not set(needed) <= set(mark["files"]):
        return "was trained here, but its experiment.json has other classes since"
    for name, digest in mark["files"].items():
        if name not in present or _digest(present[name]) != digest:
            return f"was trained here, but its {name} has changed since"
    return None


def _python_files(workdir: Path) -> dict[str, bytes]:
    """Reads the Python files of a folder; no links, which could change what they show, and nothing but plain files."""
    files = sorted(path for path in workdir.glob("*.py") if path.is_file() and not path.is_symlink())
    texts = {}
    for file in files:
        with contextlib.suppress(OSError):  # what cannot be read is not executed
            texts |= {file.name: file.read_bytes()} if file.stat().st_size <= MAX_BYTES else {}
    return texts


def _read_mark(workdir: Path) -> dict[str, Any] | None:
    """Reads a run folder's mark; None where it has none that this user wrote."""
    path = workdir / MARK
    try:
        mark = json.loads(read_regular(path, MAX_BYTES))
        marked = {"classes": mark["classes"], "files": mark["files"]}
        intact = hmac.compare_digest(_authenticate(_key(create=False), marked), mark["hmac"])
    except (UserError, OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return marked if intact else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _authenticate(key: bytes, marked: Mapping[str, Any]) -> str:
    text = "jaxflow run files: " + json.dumps(marked, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key(create: bool) -> bytes:
    """Returns this user's key.

    Args:
      create: draws one where there is none yet.

    Raises:
      OSError: there is none, it cannot be written, or others could have read it.
    """
    folder = _state_folder()
    path = folder / "key"
    if create and not os.path.lexists(path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=folder, prefix=".key-")  # for this user alone
        try:
            with open(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its key is everyone's
                os.link(fresh, path)
        finally:
            os.unlink(fresh)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        for about, forbidden in ((os.fstat(file.fileno()), 0o077), (folder.stat(), 0o022)):
            if about.st_uid != os.geteuid() or about.st_mode & forbidden:
                raise PermissionError(f"{folder} is open to others, who may know the key; remove it, and try again")
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES or not stat.S_ISREG(path.stat().st_mode):
        raise PermissionError(f"{path} is no key; remove it, and try again")
    return key


def _state_folder() -> Path:
    """Returns the folder for what jaxflow remembers of this user: $XDG_STATE_HOME/jaxflow, else below ~/.local/state.

    Raises:
      OSError: the user has no home.
    """
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        return (configured if configured.is_absolute() else Path.home() / ".local" / "state") / "jaxflow"
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from error
