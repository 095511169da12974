"""The run folder: what was run, on what, by which code, with which result."""

import fcntl
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.experiment import FILE_MODULE, Experiment, differences, dumps, execute, from_json

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "clu", "tensorflow-datasets", "numpy", "jaxflow")


def default_workdir(config: str | Path, flags: Sequence[str]) -> Path:
    """Names the run folder of an experiment file and its overrides: runs/<experiment>[-overrides]."""
    joined = re.sub(r"[^\w.=,+-]+", "_", ",".join(flag.lstrip("-") for flag in flags))
    return Path("runs") / (Path(config).stem + (f"-{joined}" if joined else ""))[:200]


@contextmanager
def open_run(workdir: Path, experiment: Experiment, source: Path | None, overwrite: bool) -> Iterator[Path]:
    """Makes a run folder, or opens it to go on with the same experiment, and locks it.

    Args:
      workdir: the folder.
      experiment: what is run.
      source: the experiment's file, copied into the folder; its classes resolve there.
      overwrite: removes an earlier run of another or the same experiment first.

    Yields:
      The folder, locked against other writers.

    Raises:
      UserError: the folder holds a different experiment, is no run folder, cannot be written or is in use.
    """
    _refuse_strangers(workdir)
    if not overwrite and (workdir / "experiment.json").exists():
        changed = differences(read_experiment(workdir), experiment)
        if changed:
            raise UserError(
                f"{workdir} holds a different experiment ({'; '.join(changed)}); "
                "choose another --workdir, or --overwrite to start again there"
            )
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with _locked(workdir):
            if overwrite:
                _empty(workdir)
            if source is not None and source.resolve() != (workdir / source.name).resolve():
                shutil.copyfile(source, workdir / source.name)
            write_atomically(workdir / "experiment.json", dumps(experiment))
            write_atomically(workdir / "environment.json", json.dumps(environment(), indent=2) + "\n")
            yield workdir
    except PermissionError as error:
        raise UserError(
            f"cannot write to {error.filename or workdir}: permission denied; choose another --workdir"
        ) from error
    except OSError as error:
        if error.errno == 30:  # EROFS
            raise UserError(f"{workdir} lies on a read-only file system; choose another --workdir") from error
        raise


def read_experiment(workdir: Path) -> Experiment:
    """Rebuilds the experiment of a run folder, classes of its own file included.

    Raises:
      UserError: the folder is no run folder.
    """
    path = workdir / "experiment.json"
    if not path.is_file():
        raise UserError(
            f"{workdir} is not a run folder: it has no experiment.json; name one with --workdir, or train first"
        )
    try:
        description = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    for stem in set(re.findall(rf'"{FILE_MODULE}(\w+):', path.read_text())):
        execute(workdir / f"{stem}.py")
    return from_json(description)


def read_results(workdir: Path) -> dict[str, Any]:
    """Reads results.json; empty where there is none yet."""
    path = workdir / "results.json"
    return json.loads(path.read_text()) if path.exists() else {}


def update_results(workdir: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces entries of results.json, all at once.

    Returns:
      All results.
    """
    merged = read_results(workdir) | dict(results)
    write_atomically(workdir / "results.json", json.dumps(merged, indent=2) + "\n")
    return merged


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that readers and crashes see the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def environment() -> dict[str, Any]:
    """Describes what a run runs on: versions, platform, devices."""
    import jax

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "cpus": os.cpu_count(),
        "command": sys.argv,
    }


def _refuse_strangers(workdir: Path) -> None:
    """Refuses paths that are no run folder, before anything is written."""
    for path in (workdir, *workdir.parents):
        if path.exists():
            if not path.is_dir():
                raise UserError(f"{path} is a file; --workdir names a folder")
            if not os.access(path, os.W_OK | os.X_OK):
                raise UserError(f"cannot write to {path}: permission denied; choose another --workdir")
            break
    if workdir.is_dir() and not (workdir / "experiment.json").exists() and set(os.listdir(workdir)) - {".lock"}:
        raise UserError(f"{workdir} is not empty and no run folder; choose another --workdir")


def _empty(workdir: Path) -> None:
    for path in workdir.iterdir():
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def _locked(workdir: Path) -> Iterator[None]:
    with (workdir / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"{workdir} is in use by {file.read().strip() or 'another process'}; choose another --workdir"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield
