"""The run folder: what was run, on what, by which code, with which result."""

import ast
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError, listed, perhaps
from jaxflow.experiment import Experiment, differing_fields
from jaxflow.experiment_files import files_beside, files_defining, importable
from jaxflow.file_io import check_name, storage_error
from jaxflow.legacy import modernize
from jaxflow.runs.trust import MAX_BYTES, check_links, files_to_execute
from jaxflow.serialization import (
    FILE_MODULE,
    class_name,
    fields_of,
    file_classes,
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
    name = "-".join([Path(config).stem, *_overrides(written, overridden, "")])
    return Path("runs") / re.sub(r"[^\w.=,+-]+", "_", name)[:200]


def _overrides(before: Any, after: Any, name: str) -> Iterator[str]:
    """Yields "field=value" for what differs; of a part of another class, the class and what is not its default."""
    if isinstance(after, tuple) and any(map(is_dataclass, (*after, *before))):
        if list(map(type, before)) == list(map(type, after)):
            pairs = zip(before, after)
        else:
            yield f"{name}={','.join(type(part).__name__ for part in after)}"
            pairs = ((type(part), part) for part in after)
        for number, (old, new) in enumerate(pairs):
            yield from _overrides(old, new, f"{name}.{number}")
    elif is_dataclass(after):
        other = before is not type(after) and type(before) is not type(after)
        if other:
            yield f"{name}={type(after).__name__}"
        defaults = type(after) if other else before  # a field's default is its class's attribute
        for field, new in fields_of(after, identity_only=True):
            yield from _overrides(getattr(defaults, field, None), new, f"{name}.{field}" if name else field)
    elif before != after:
        yield f"{name}={after}"


def check_same_run(workdir: Path, experiment: Experiment, source: Path | None = None) -> None:
    """Checks that a folder is free or holds a run of the same experiment; none of its files is executed.

    Args:
      workdir: the folder.
      experiment: what is to be run there.
      source: its file; where the experiment has classes of its own, the code of the files that define them and of
        those imported from beside them is part of it.

    Raises:
      UserError: the run is of a different experiment; the message lists the differing fields and files.
    """
    if not (workdir / "experiment.json").exists():
        return
    changed = changes(workdir, experiment, source)
    if changed:
        raise UserError(
            f"{workdir} holds a different experiment ({listed(changed, 6, '; ')}); "
            "choose another --workdir, or --overwrite to start again there"
        )


def changes(workdir: Path, experiment: Experiment, source: Path | None = None) -> list[str]:
    """Returns in what an experiment differs from the one that a run folder holds, as `check_same_run` raises it.

    More epochs are no difference: the run goes on. Fewer are one.
    """
    described = read_description(workdir)
    changed = differing_fields(described, experiment)
    epochs = described.get("epochs", experiment.epochs)
    changed += [f"epochs: {epochs:g} -> {experiment.epochs:g}"] if experiment.epochs < epochs else []
    return changed + _changed_files(workdir, experiment, source)


def recorded_epochs(workdir: Path) -> float:
    """Returns the epochs of the run that a folder holds, or was to hold when it was launched last."""
    return read_description(workdir)["epochs"]


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
    described = read_description(workdir)
    classes = file_classes(described)
    with storage_error(workdir):
        files = files_to_execute(workdir, classes, trust) if classes else {}
    with importable(workdir, files) as folder:
        for stem in defining_modules(classes):
            folder.execute(workdir / f"{stem}.py")
        experiment = from_json(described)
    assert isinstance(experiment, Experiment)
    return experiment


def _is_run(folder: Path) -> bool:
    return (folder / "experiment.json").is_file()


def read_description(workdir: Path) -> dict[str, Any]:
    """Reads a run folder's experiment.json, in today's names."""
    check_name(workdir)
    path = workdir / "experiment.json"
    with storage_error(path):
        there = path.is_file()
    if not there and (workdir / "fold-0" / "experiment.json").is_file():
        raise UserError(f"{workdir} holds folds, each of which is a run folder: name one, --workdir {workdir}/fold-0")
    if not there:
        near = perhaps(workdir, _is_run) or perhaps(Path("runs") / workdir.name, _is_run)
        raise UserError(
            f"{workdir} is not a run folder: it has no experiment.json; name one with --workdir, or train{near}"
        )
    try:
        with storage_error(workdir):
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
    """Returns a line for each file whose code differs from its copy in the run folder, where the code matters."""
    classes = file_classes(to_json(experiment))
    defining = files_defining(classes) if source is None else [source]
    files = [file for file in defining if file.stem in defining_modules(classes) and (workdir / file.name).exists()]
    files += [file for main in defining for file in files_beside(main)] if classes else []
    copies = [workdir / file.name for file in files]
    return [
        f"{file.name}: its code, which defines classes of the experiment"
        for file, copy in zip(files, copies)
        if not copy.exists() or _code(copy.read_bytes()) != _code(file.read_bytes())
    ]


def _code(text: bytes) -> str | bytes:
    """Returns what a file computes, for comparison: without comments, layout and docstrings.

    What get_config() returns is compared as a value, so its code is left out. A text that is no Python stays as it is.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text
    tree.body = [node for node in tree.body if getattr(node, "name", None) != "get_config"]
    for node in ast.walk(tree):
        for name, block in ast.iter_fields(node):
            if isinstance(block, list):
                setattr(node, name, [part for part in block if not _is_docstring(part)])
    return ast.dump(tree)


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
