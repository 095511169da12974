"""The run folder: what was run, on what, by which code, with which result."""

import fcntl
import itertools
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, differences, differing_leaves, dumps
from jaxflow.experiment_files import files_beside, importable
from jaxflow.file_io import write_atomically
from jaxflow.legacy import modernize
from jaxflow.runs.environment import environment
from jaxflow.runs.results import read_results
from jaxflow.runs.trust import MARK, MAX_BYTES, check_links, files_to_execute, write_mark
from jaxflow.runtime.distributed import on_main
from jaxflow.serialization import FILE_MODULE, class_name, classes_of, file_classes, flatten_json, from_json, to_json

# How deep parts of an experiment lie in one another, at most.
MAX_DEPTH = 100
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


def default_workdir(config: str | Path, written: Experiment, overridden: Experiment) -> Path:
    """Returns the default run folder of an experiment: runs/<file>[-overrides].

    Args:
      config: the experiment's file.
      written: the experiment as the file has it.
      overridden: the experiment as it is run; fields that are no part of its identity do not appear in the name.

    Returns:
      The folder's path, at most 200 characters after runs/.
    """
    changes = [change.replace(": ", "=", 1).rpartition(" -> ") for change in differences(written, overridden)]
    name = "-".join([Path(config).stem, *(f"{left.partition('=')[0]}={new}" for left, _, new in changes)])
    return Path("runs") / re.sub(r"[^\w.=,+-]+", "_", name)[:200]


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


def check_same_run(workdir: Path, experiment: Experiment, source: Path | None = None) -> None:
    """Checks that a folder is free or holds a run of the same experiment; none of its files is executed.

    Args:
      workdir: the folder.
      experiment: what is to be run there.
      source: its file; where the experiment has classes of its own, the text of the files that define them and of
        those imported from beside them is part of it.

    Raises:
      UserError: the run is of a different experiment; the message lists the differing fields and files.
    """
    if not (workdir / "experiment.json").exists():
        return
    recorded = dict(flatten_json(_read_json(workdir), classes_of(experiment)))
    changed = differing_leaves(recorded, experiment)
    changed += _changed_files(workdir, experiment, source) if source else []
    if changed:
        raise UserError(
            f"{workdir} holds a different experiment ({'; '.join(changed)}); "
            "choose another --workdir, or --overwrite to start again there"
        )


def read_experiment(workdir: Path, trust: bool = False) -> Experiment:
    """Rebuilds the experiment of a run folder, and executes those of its files that define classes of the experiment.

    Args:
      workdir: the run folder.
      trust: executes files that this user did not train here, too, as `files_to_execute` says.

    Returns:
      The experiment.

    Raises:
      UserError: the folder is no run folder, its experiment.json is damaged, or its files are not trusted.
    """
    described = _read_json(workdir)
    classes = file_classes(described)
    with importable(workdir, files_to_execute(workdir, classes, trust) if classes else {}) as folder:
        for stem in _defining_modules(classes):
            folder.execute(workdir / f"{stem}.py")
        experiment = from_json(described)
    assert isinstance(experiment, Experiment)
    return experiment


def _read_json(workdir: Path) -> dict[str, Any]:
    """Reads a run folder's experiment.json, in today's names."""
    path = workdir / "experiment.json"
    if not path.is_file():
        raise UserError(f"{workdir} is not a run folder: it has no experiment.json; name one with --workdir, or train")
    try:
        check_links(workdir)
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        described = json.loads(path.read_text())
        if _depth(described) > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON of an experiment: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; give it the permissions to be read") from error
    described = modernize(described)
    if not isinstance(described, dict) or described.get("class") != class_name(Experiment):
        raise UserError(f"{path} does not hold an experiment; restore it from a backup, or train in another --workdir")
    return described


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level, depth = list(itertools.chain.from_iterable(parts)), depth + 1
    return depth


def _defining_modules(classes: Sequence[str]) -> list[str]:
    """Returns the stems of the files that define classes, which are given by their names in JSON."""
    return sorted({name.partition(":")[0].removeprefix(FILE_MODULE) for name in classes})


def _changed_files(workdir: Path, experiment: Experiment, source: Path) -> list[str]:
    """Returns a line for each file whose text differs from its copy in the run folder, where the text matters."""
    defining = _defining_modules(file_classes(to_json(experiment)))
    files = [source] if source.stem in defining and (workdir / source.name).exists() else []
    files += files_beside(source) if defining else ()
    copies = [workdir / file.name for file in files]
    return [
        f"{file.name}: its text, which defines classes of the experiment"
        for file, copy in zip(files, copies)
        if not copy.exists() or copy.read_text() != file.read_text()
    ]


@contextmanager
def _opened(workdir: Path, experiment: Experiment, source: Path | None, overwrite: bool) -> Iterator[None]:
    description = dumps(experiment)
    texts = {file.name: file.read_text() for file in (source, *files_beside(source))} if source else {}
    try:
        _require_run_folder(workdir)
        check_links(workdir)
        if not overwrite:
            check_same_run(workdir, experiment, source)
            read_results(workdir)
        workdir.mkdir(parents=True, exist_ok=True)
        lock = (workdir / ".lock").open("a+")
    except OSError as error:
        raise UserError(f"cannot make a run in {workdir}: {error.strerror}; choose another --workdir") from error
    with lock:
        _lock(lock, workdir)
        try:
            if overwrite:
                _empty(workdir)
            for name, text in texts.items():
                write_atomically(workdir / name, text)
            write_atomically(workdir / "experiment.json", description)
            if source:
                copies = {name: (workdir / name).read_bytes() for name in texts}
                write_mark(workdir, file_classes(to_json(experiment)), copies)
            write_atomically(workdir / "environment.json", json.dumps(environment(), indent=2) + "\n")
        except OSError as error:
            raise UserError(f"cannot write to {workdir}: {error.strerror}; choose another --workdir") from error
        yield


def _require_run_folder(workdir: Path) -> None:
    """Raises if a path is no run folder, before anything is written."""
    for path in (workdir, *workdir.parents):
        if path.exists():
            if not path.is_dir():
                raise UserError(f"{path} is a file; --workdir names a folder")
            if not os.access(path, os.W_OK | os.X_OK):
                raise UserError(f"cannot write to {path}: permission denied; choose another --workdir")
            break
    known = {".lock", *WRITTEN["explore"]}
    if workdir.is_dir() and not (workdir / "experiment.json").exists() and set(os.listdir(workdir)) - known:
        raise UserError(f"{workdir} is not empty and no run folder; choose another --workdir")


def _empty(workdir: Path) -> None:
    for path in map(workdir.joinpath, set().union(*WRITTEN.values())):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _lock(file: IO[str], workdir: Path) -> None:
    """Locks an open file for the life of the process; raises with the name of the holder if it is locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise UserError(f"{workdir} is in use by {holder}; choose another --workdir, or wait for it") from None
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {platform.node()}")
    file.flush()
