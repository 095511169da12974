"""Opening a run folder to write: made or resumed, locked, and never left in a state that no command opens.

`experiment.json` is written first and only ever replaced: a folder that has one is a run folder. `environment.json` is
written when all else that is made at the start is there, and is the last that --overwrite removes: where it is missing,
with every checkpoint and result, the start was cut short, nothing there is relied on, and the next start makes it all.
"""

import errno
import fcntl
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from jaxflow.errors import UserError, program_name
from jaxflow.experiment import Experiment, dumps
from jaxflow.experiment_files import files_beside
from jaxflow.file_io import (
    check_name,
    clear_leftovers,
    is_temporary,
    remove,
    storage_error,
    temporary,
    write_atomically,
)
from jaxflow.runs.environment import environment
from jaxflow.runs.folder import changes, check_same_run, sealed
from jaxflow.runs.trust import MARK, check_links, write_mark
from jaxflow.runtime.distributed import on_main
from jaxflow.serialization import file_classes, to_json

# What each verb writes into the run folder. --overwrite removes all of it; any other file belongs to the user.
WRITTEN = {
    "explore": ("data.json", "report"),
    "train": (
        "experiment.json",
        MARK,
        "environment.json",
        "metrics.jsonl",
        "tensorboard",
        "results.json",
        "checkpoints",
        "damaged",
    ),
    "evaluate": ("results.json", "predictions", "report"),
    "predict": ("predictions",),
}
# What --overwrite removes, in this order: results before what they are of, so that none is ever taken for another's.
REMOVED = (
    "results.json",
    "predictions",
    "report",
    "data.json",
    "metrics.jsonl",
    "tensorboard",
    "damaged",
    "checkpoints",
    MARK,
    "environment.json",
)
# What a run is gone on with; a folder without any was left before the first checkpoint, and nothing there is lost.
SAVED = ("results.json", "checkpoints", "damaged")
# Errors of file systems that have no locks, such as Lustre and some of NFS.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
ANOTHER = "choose another --workdir"
logger = logging.getLogger("jaxflow")


@contextmanager
def open_run(workdir: Path, experiment: Experiment, source: Path | None, overwrite: bool) -> Iterator[Path]:
    """Creates a run folder, or opens it to resume the same experiment, and locks it; of several processes, one does.

    Args:
      workdir: the folder.
      experiment: what is run.
      source: the experiment's file, copied into the folder with those that it imports from beside it; classes that
        they define are found there again.
      overwrite: removes what jaxflow wrote there for an earlier run.

    Yields:
      The folder, locked against other writers.

    Raises:
      UserError: the folder holds a different experiment, is no run folder, cannot be written or is in use.
    """
    with ExitStack() as opened:
        on_main(lambda: opened.enter_context(_opened(workdir, experiment, source, overwrite)))
        yield workdir


@contextmanager
def _opened(workdir: Path, experiment: Experiment, source: Path | None, overwrite: bool) -> Iterator[None]:
    description = sealed(dumps(experiment))  # first: it raises for what no verb could read again
    with ExitStack() as locked:
        with storage_error(workdir, ANOTHER):
            copies = {file.name: file.read_bytes() for file in (source, *files_beside(source))} if source else {}
            require_run_folder(workdir, copies)
            workdir.mkdir(parents=True, exist_ok=True)
            check_links(workdir)
            locked.enter_context(_locked(workdir))
            # Under the lock: another process may have made a run there a moment ago.
            require_run_folder(workdir, copies)
            check_links(workdir)
            if not overwrite:
                _check_contents(workdir, experiment, source)
            for folder in (workdir, *(workdir / name for name in ("report", "predictions", "predictions/new"))):
                clear_leftovers(folder)
            if overwrite:
                _empty(workdir)
            if overwrite or not _is_saved(workdir):
                record(workdir, description)  # else when the run resumes: what is refused changes nothing
            for name, content in copies.items():
                write_atomically(workdir / name, content)
            if source:
                write_mark(workdir, file_classes(to_json(experiment)), copies)
            write_atomically(workdir / "environment.json", json.dumps(environment(), indent=2) + "\n")
        yield


def record(workdir: Path, description: str) -> None:
    """Writes an experiment, as `sealed` describes it, into its run folder, if it is not there as it is."""
    path = workdir / "experiment.json"
    if not path.exists() or path.read_bytes() != description.encode():
        write_atomically(path, description)


def make_folder(workdir: Path) -> None:
    """Creates a run folder for what describes its data, or checks that one may be written to; it may be in use.

    Raises:
      UserError: there are files there that are not jaxflow's, or links that lead out.
    """
    require_run_folder(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    check_links(workdir)
    os.close(_open_lock(workdir))  # whose folder it is


def require_run_folder(workdir: Path, copies: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Raises if a path is no run folder; `copies` are the files that will lie there, and may lie there already."""
    check_name(workdir)
    for path in (workdir, *workdir.parents):
        if path.exists():
            if not path.is_dir():
                raise UserError(f"{path} is a file; --workdir names a folder")
            if not os.access(path, os.W_OK | os.X_OK):
                raise UserError(f"cannot write to {path}: permission denied; {ANOTHER}")
            break
    if not workdir.is_dir() or (workdir / "experiment.json").exists():
        return
    names = {name for name in os.listdir(workdir) if not is_temporary(name)}
    known = set()
    if ".lock" in names:  # no other program's folder, whatever was removed from it
        known = {".lock"}.union(*WRITTEN.values())
    elif (workdir / "report" / "data.html").exists():  # earlier versions explored a folder without locking it
        known = set(WRITTEN["explore"])
    known |= {name for name in names & set(copies) if (workdir / name).read_bytes() == copies[name]}
    if names - known:
        raise UserError(f"{workdir} is not empty and no run folder; {ANOTHER}")


def _check_contents(workdir: Path, experiment: Experiment, source: Path | None) -> None:
    """Raises if a run folder's contents are not those of a run of the experiment, or of one that has not begun."""
    started, saved = (workdir / "environment.json").exists(), _is_saved(workdir)
    if not (workdir / "experiment.json").exists():
        if started or saved:
            raise UserError(
                f"{workdir} has lost its experiment.json; restore it from a backup, or --overwrite to start again there"
            )
        return
    if saved:
        check_same_run(workdir, experiment, source)
    elif started:
        if changed := changes(workdir, experiment, source):
            logger.info(f"{workdir} holds no checkpoint yet, and starts with what is new ({'; '.join(changed)})")
    elif source is None and file_classes(to_json(experiment)):
        raise UserError(
            f"the start of {workdir} was cut short, and its copies of the experiment's files may be others'; "
            f"{program_name()} train --config FILE --workdir {workdir} makes them again"
        )


def _is_saved(workdir: Path) -> bool:
    return any((workdir / name).exists() for name in SAVED)


def _empty(workdir: Path) -> None:
    """Removes what a run wrote, but its experiment.json, which is replaced."""
    for path in map(workdir.joinpath, REMOVED):
        if path.is_dir() and not path.is_symlink():
            # Renamed first: half of a folder must never be taken for the whole.
            doomed = temporary(path)
            try:
                path.rename(doomed)
            except OSError:  # a file system of its own
                doomed = path
            remove(doomed)
        else:
            remove(path)


@contextmanager
def _locked(workdir: Path) -> Iterator[None]:
    """Locks a folder; raises with the name of the holder if it is locked. Where there are no locks, that is logged."""
    file = _open_lock(workdir)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 1000, 0).decode(errors="replace").strip() or "another process"
            raise UserError(f"{workdir} is in use by {holder}; {ANOTHER}, or wait for it") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            logger.warning(
                f"the file system of {workdir} has no locks ({error.strerror}): nothing keeps a second run out of it"
            )
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {platform.node()}".encode(errors="replace"), 0)
        yield
    finally:
        os.close(file)


def _open_lock(workdir: Path) -> int:
    """Opens the file whose lock is the folder's; it also marks the folder as jaxflow's."""
    return os.open(workdir / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
