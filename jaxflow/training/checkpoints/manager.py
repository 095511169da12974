"""Checkpoints by Orbax: written in the background, verified when read; the latest few and the best are retained.

A checkpoint is a folder named by its step; Orbax names it so when all of it is written. Beside the state it
holds `meta`: what is needed to use it without the data, each leaf's shape, dtype and digest, and a digest of its own.
Orbax is imported when the first checkpoint is written or read, not before: it takes a third of a second.
"""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.file_io import error_number, storage_error
from jaxflow.interfaces import Problem
from jaxflow.legacy import modernize
from jaxflow.problems.metrics import metrics_of
from jaxflow.runtime.distributed import is_main, on_main
from jaxflow.training.checkpoints.checkpointer import Checkpointer, saved_steps
from jaxflow.training.checkpoints.checksums import checksums, leaf_specs
from jaxflow.training.state import TrainState

# Errors of reading that say nothing of the checkpoint: it is not moved aside for them.
NOT_DAMAGE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENOSPC)
)


class DamagedError(UserError):
    """A checkpoint that is not what was written."""


@dataclass(frozen=True)
class Checkpoints:
    """A folder of checkpoints.

    Attributes:
      folder: where they lie; made by the first that is written.
      selection_metric: the metric whose best value marks the best, which is retained beside the latest.
      higher_is_better: whether its best value is the highest.
      keep: how many of the latest are retained.
      read_only: changes nothing in the folder.
      checkpointer: reads and writes them.
      scores: the selection_metric of each step that is known to have one.
    """

    folder: Path
    selection_metric: str
    higher_is_better: bool
    keep: int
    read_only: bool
    checkpointer: Checkpointer
    scores: dict[int, float] = field(default_factory=dict)

    @property
    def quarantine(self) -> Path:
        """Folder that damaged checkpoints are moved to."""
        return self.folder.with_name("damaged")

    def any_saved(self) -> bool:
        """Returns whether there is, or was, any checkpoint."""
        return on_main(lambda: bool(saved_steps(self.folder)) or self.quarantine.exists())


@contextmanager
def open_checkpoints(
    folder: Path, problem: Problem, max_checkpoints: int = 2, read_only: bool = False
) -> Iterator[Checkpoints]:
    """Opens a folder of checkpoints, and waits for the last write when done.

    Args:
      folder: where they lie, or shall lie.
      problem: its selection metric says which is the best.
      max_checkpoints: how many of the latest are retained beside the best.
      read_only: changes nothing in the folder.

    Yields:
      The checkpoints.
    """
    metric = metrics_of(problem)[problem.selection_metric]
    opened = Checkpoints(
        folder,
        problem.selection_metric,
        metric.higher_is_better,
        max_checkpoints,
        read_only,
        Checkpointer(folder, read_only),
    )
    try:
        yield opened
        opened.checkpointer.wait()
        _prune(opened)
    except BaseException:
        opened.checkpointer.abandon()
        raise
    opened.checkpointer.close()


def save(
    checkpoints: Checkpoints, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None = None
) -> None:
    """Starts to write the state of a step, unless the step is saved already.

    Args:
      checkpoints: from `open_checkpoints`.
      state: the train state; it may be changed as soon as this returns.
      meta: JSON-able values that travel along, such as what preprocessing was fitted to.
      metrics: validation metrics, or None if the state was not validated.

    Raises:
      UserError: this one or the one before could not be written.
    """
    import orbax.checkpoint as ocp

    step = int(state.step)
    if on_main(lambda: step in saved_steps(checkpoints.folder)):
        return
    checkpoints.checkpointer.wait()
    _prune(checkpoints)
    leaves = {
        name: [*form, digest] for (name, form), digest in zip(leaf_specs(state).items(), checksums(state).values())
    }
    described = {**meta, "leaves": leaves, "metrics": None if metrics is None else dict(metrics)}
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(described | {"digest": _text_digest(described)})
    )
    with storage_error(checkpoints.folder / str(step)):
        checkpoints.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.checkpointer.start().save((checkpoints.folder / str(step)).resolve(), args=items)
    if metrics is not None:
        checkpoints.scores[step] = metrics[checkpoints.selection_metric]


def read_meta(checkpoints: Checkpoints, step: int) -> dict[str, Any]:
    """Reads the JSON values that were saved with a step.

    Raises:
      DamagedError: they are not what was written.
    """
    import orbax.checkpoint as ocp

    meta = dict(read_item(checkpoints, step, "meta", ocp.args.JsonRestore()) or {})
    digest = meta.pop("digest", None)
    if digest != _text_digest(meta):
        raise DamagedError(
            f"checkpoint {checkpoints.folder / str(step)} is damaged: its meta does not match its digest"
        )
    return modernize(meta)


def read_item(checkpoints: Checkpoints, step: int, item: str, how: Any) -> Any:
    """Reads one item of a checkpoint.

    Args:
      checkpoints: from `open_checkpoints`.
      step: one of its steps.
      item: "state" or "meta".
      how: Orbax's arguments for it.

    Returns:
      The item, not verified yet.

    Raises:
      DamagedError: it cannot be read.
    """
    import orbax.checkpoint as ocp
    from etils import epath

    path = checkpoints.folder / str(step)
    try:
        # By the handler: the checkpointer itself would wait for all processes, also where only one of them reads.
        handler = checkpoints.checkpointer.start().handler
        return handler.restore(epath.Path(path.resolve()), args=ocp.args.Composite(**{item: how}))[item]
    except MemoryError:
        raise
    except Exception as error:
        number = error_number(error)
        if number in NOT_DAMAGE:
            raise UserError(f"checkpoint {path} cannot be read: {os.strerror(number).lower()}") from error
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DamagedError(f"checkpoint {path} is damaged ({reason[:160]})") from error


def resolve_step(checkpoints: Checkpoints, which: str) -> int:
    """Finds the step of a checkpoint.

    Args:
      checkpoints: from `open_checkpoints`.
      which: "best" (by validation), or a step number.

    Returns:
      The step.

    Raises:
      UserError: there is no such checkpoint.
    """
    steps = saved_steps(checkpoints.folder)
    if which == "best":
        best = _best(checkpoints)
        if best is None:
            raise UserError("no checkpoint was validated, so none is the best; take --checkpoint=last")
        return best
    if which.isdecimal() and int(which) in steps:
        return int(which)
    raise UserError(f"no checkpoint {which!r}; there are {', '.join(map(str, steps))}, and the names last and best")


def _best(checkpoints: Checkpoints) -> int | None:
    """Finds the step of the best finite metric; the later one where two are equal."""
    for step in set(saved_steps(checkpoints.folder)) - set(checkpoints.scores):
        try:
            metrics = read_meta(checkpoints, step)["metrics"]
        except DamagedError:
            continue
        if metrics:
            checkpoints.scores[step] = metrics[checkpoints.selection_metric]
    here = [step for step in saved_steps(checkpoints.folder) if math.isfinite(checkpoints.scores.get(step, math.nan))]
    sign = 1 if checkpoints.higher_is_better else -1
    return max(here, key=lambda step: (sign * checkpoints.scores[step], step), default=None)


def _prune(checkpoints: Checkpoints) -> None:
    """Removes checkpoints that are neither the best nor among the latest."""
    steps = saved_steps(checkpoints.folder)
    if checkpoints.read_only or len(steps) <= checkpoints.keep or not is_main():
        return
    for step in set(steps[: -checkpoints.keep]) - {_best(checkpoints)}:
        # Renamed first: a folder that is being removed must never look like a checkpoint.
        doomed = checkpoints.folder / f"{step}.orbax-checkpoint-tmp-removed"
        (checkpoints.folder / str(step)).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _text_digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
