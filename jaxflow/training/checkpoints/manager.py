"""Checkpoints by Orbax: written in the background, digested, verified when read; the latest few and the best are kept.

A checkpoint is a folder named by its step; Orbax gives it that name when all of it is written. Beside the state it
holds `meta`: what is needed to use it without the data, each leaf's shape, dtype and digest, and a digest of its own.
Orbax is imported when the first checkpoint is written or read, not before: it takes a third of a second.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.file_io import storage_error
from jaxflow.legacy import modernize
from jaxflow.problems.metrics import metrics_of
from jaxflow.runtime.distributed import is_main, on_main
from jaxflow.training.checkpoints.checkpointer import Checkpointer
from jaxflow.training.checkpoints.checksums import checksums, leaf_specs
from jaxflow.training.state import TrainState


class DamagedError(UserError):
    """A checkpoint that is not what was written."""


@dataclass(frozen=True)
class Checkpoints:
    """A folder of checkpoints.

    Attributes:
      folder: where they lie; made by the first that is written.
      selection_metric: the metric whose best value marks the best, which is kept beside the latest.
      higher_is_better: whether its best value is the highest.
      keep: how many of the latest are kept.
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
        """Names the folder that damaged checkpoints are moved to."""
        return self.folder.with_name("damaged")

    def any_saved(self) -> bool:
        """Whether there is, or was, any checkpoint."""
        return on_main(lambda: bool(saved_steps(self.folder)) or self.quarantine.exists())


@contextmanager
def checkpoints(workdir: Path, experiment: Experiment, read_only: bool = False) -> Iterator[Checkpoints]:
    """Opens the checkpoints of a run folder, and waits for the last write when done."""
    metric, folder = experiment.problem.selection_metric, workdir / "checkpoints"
    higher, keep = metrics_of(experiment.problem)[metric].higher_is_better, experiment.max_checkpoints
    opened = Checkpoints(folder, metric, higher, keep, read_only, Checkpointer(folder, read_only))
    try:
        yield opened
        opened.checkpointer.wait()
        _prune(opened)
    except BaseException:
        opened.checkpointer.abandon()
        raise
    opened.checkpointer.close()


def saved_steps(folder: Path) -> list[int]:
    """Lists the steps that a folder has checkpoints of."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def save(
    kept: Checkpoints, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None = None
) -> None:
    """Starts to write the state of a step; a step that is there already is left alone.

    Args:
      kept: from `checkpoints`.
      state: the train state; it may be changed as soon as this returns.
      meta: JSON-able values that travel along, such as what preprocessing was fitted to.
      metrics: validation metrics, or None if the state was not validated.

    Raises:
      UserError: this one or the one before could not be written.
    """
    import orbax.checkpoint as ocp

    step = int(state.step)
    if on_main(lambda: step in saved_steps(kept.folder)):
        return
    kept.checkpointer.wait()
    _prune(kept)
    leaves = {
        name: [*form, digest] for (name, form), digest in zip(leaf_specs(state).items(), checksums(state).values())
    }
    described = {**meta, "leaves": leaves, "metrics": None if metrics is None else dict(metrics)}
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(described | {"digest": _text_digest(described)})
    )
    with storage_error(kept.folder / str(step)):
        kept.folder.mkdir(parents=True, exist_ok=True)
        kept.checkpointer.start().save((kept.folder / str(step)).resolve(), args=items)
    if metrics is not None:
        kept.scores[step] = metrics[kept.selection_metric]


def read_meta(kept: Checkpoints, step: int) -> dict[str, Any]:
    """Reads the JSON values that were saved with a step.

    Raises:
      DamagedError: they are not what was written.
    """
    import orbax.checkpoint as ocp

    meta = dict(read_item(kept, step, "meta", ocp.args.JsonRestore()) or {})
    digest = meta.pop("digest", None)
    if digest != _text_digest(meta):
        raise DamagedError(f"checkpoint {kept.folder / str(step)} is damaged: its meta does not match its digest")
    return modernize(meta)


def read_item(kept: Checkpoints, step: int, item: str, how: Any) -> Any:
    """Reads one item of a checkpoint.

    Args:
      kept: from `checkpoints`.
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

    path = kept.folder / str(step)
    try:
        # By the handler: the checkpointer itself would wait for all processes, also where only one of them reads.
        handler = kept.checkpointer.start().handler
        return handler.restore(epath.Path(path.resolve()), args=ocp.args.Composite(**{item: how}))[item]
    except PermissionError as error:
        raise UserError(f"checkpoint {path} cannot be read: permission denied") from error
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DamagedError(f"checkpoint {path} is damaged ({reason[:160]})") from error


def resolve_step(kept: Checkpoints, which: str) -> int:
    """Finds the step of a checkpoint.

    Args:
      kept: from `checkpoints`.
      which: "best" (by validation), or a step number.

    Returns:
      The step.

    Raises:
      UserError: there is no such checkpoint.
    """
    steps = saved_steps(kept.folder)
    if which == "best":
        best = _best(kept)
        if best is None:
            raise UserError("no checkpoint was validated, so none is the best; take --checkpoint=last")
        return best
    if which.isdecimal() and int(which) in steps:
        return int(which)
    raise UserError(f"no checkpoint {which!r}; there are {', '.join(map(str, steps))}, and the names last and best")


def _best(kept: Checkpoints) -> int | None:
    """Finds the step of the best finite metric; the later one where two are equal."""
    for step in set(saved_steps(kept.folder)) - set(kept.scores):
        try:
            metrics = read_meta(kept, step)["metrics"]
        except DamagedError:
            continue
        if metrics:
            kept.scores[step] = metrics[kept.selection_metric]
    here = [step for step in saved_steps(kept.folder) if math.isfinite(kept.scores.get(step, math.nan))]
    sign = 1 if kept.higher_is_better else -1
    return max(here, key=lambda step: (sign * kept.scores[step], step), default=None)


def _prune(kept: Checkpoints) -> None:
    """Removes checkpoints that are neither the best nor among the latest."""
    steps = saved_steps(kept.folder)
    if kept.read_only or len(steps) <= kept.keep or not is_main():
        return
    for step in set(steps[: -kept.keep]) - {_best(kept)}:
        # Renamed first: a folder that is being removed must never look like a checkpoint.
        doomed = kept.folder / f"{step}.orbax-checkpoint-tmp-removed"
        (kept.folder / str(step)).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _text_digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
