"""The run folder: what was run, on what, by which code, with which result."""

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, differences, differing_leaves
from jaxflow.experiment_files import files_beside, files_defining, importable
from jaxflow.file_io import check_name, storage_error
from jaxflow.legacy import modernize
from jaxflow.runs.trust import MAX_BYTES, check_links, files_to_execute
from jaxflow.serialization import (
    FILE_MODULE,
    class_name,
    classes_of,
    file_classes,
    flatten_json,
    from_json,
    json_digest,
    to_json,
)

# How deep parts of an experiment lie in one another, at most.
MAX_DEPTH = 100


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
    changed += _changed_files(workdir, experiment, source)
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
        for stem in defining_modules(classes):
            folder.execute(workdir / f"{stem}.py")
        experiment = from_json(described)
    assert isinstance(experiment, Experiment)
    return experiment


def _read_json(workdir: Path) -> dict[str, Any]:
    """Reads a run folder's experiment.json, in today's names."""
    check_name(workdir)
    path = workdir / "experiment.json"
    with storage_error(path):
        there = path.is_file()
    if not there:
        raise UserError(f"{workdir} is not a run folder: it has no experiment.json; name one with --workdir, or train")
    try:
        check_links(workdir)
        with storage_error(path):
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
            described = json.loads(path.read_text(encoding="utf-8"))
        if _depth(described) > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        described = _unsealed(described, path)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON of an experiment: {error}") from error
    described = modernize(described)
    if not isinstance(described, dict) or described.get("class") != class_name(Experiment):
        raise UserError(f"{path} does not hold an experiment; restore it from a backup, or train in another --workdir")
    return described


def sealed(description: str) -> str:
    """Returns the text of experiment.json: with a digest, since what is changed may still describe an experiment.

    Args:
      description: an experiment, as `dumps` returns it.

    Raises:
      UserError: it could not be read again.
    """
    described = json.loads(description)
    if len(description) > MAX_BYTES or _depth(described) > MAX_DEPTH:
        raise UserError(
            f"the experiment takes {len(description):,} bytes as JSON, {_depth(described)} deep, and {MAX_BYTES:,} and "
            f"{MAX_DEPTH} are the most that is read again; keep data in files, and name these in the experiment"
        )
    return json.dumps(described | {"digest": json_digest(described)[:16]}, indent=2) + "\n"


def _unsealed(described: Any, path: Path) -> Any:
    """Checks what was read from experiment.json by its digest, which those of earlier versions lack, and drops that."""
    digest = described.pop("digest", None) if isinstance(described, dict) else None
    if digest is not None and digest != json_digest(described)[:16]:
        raise UserError(
            f"{path} is not what jaxflow wrote: it is damaged or was edited; restore it from a backup, or train in "
            "another --workdir"
        )
    return described


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        parts = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        level, depth = list(itertools.chain.from_iterable(parts)), depth + 1
    return depth


def defining_modules(classes: Sequence[str]) -> list[str]:
    """Returns the stems of the files that define classes, which are given by their names in JSON."""
    return sorted({name.partition(":")[0].removeprefix(FILE_MODULE) for name in classes})


def _changed_files(workdir: Path, experiment: Experiment, source: Path | None) -> list[str]:
    """Returns a line for each file whose text differs from its copy in the run folder, where the text matters."""
    classes = file_classes(to_json(experiment))
    defining = files_defining(classes) if source is None else [source]
    files = [file for file in defining if file.stem in defining_modules(classes) and (workdir / file.name).exists()]
    files += [file for main in defining for file in files_beside(main)] if classes else []
    copies = [workdir / file.name for file in files]
    return [
        f"{file.name}: its text, which defines classes of the experiment"
        for file, copy in zip(files, copies)
        if not copy.exists() or copy.read_bytes() != file.read_bytes()
    ]
