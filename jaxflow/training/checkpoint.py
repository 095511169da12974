"""Checkpoints by Orbax: written in the background, the latest few and the best kept."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from jaxflow.errors import UserError
from jaxflow.training.state import TrainState


@contextmanager
def checkpoints(
    folder: Path, best_metric: str = "loss", keep: int = 2, read_only: bool = False
) -> Iterator[ocp.CheckpointManager]:
    """Opens a folder of checkpoints, and waits for the last write when done.

    Args:
      folder: where they lie; made if missing, unless only read.
      best_metric: the metric whose lowest value marks the best, which is kept beside the latest.
      keep: how many of the latest are kept.
      read_only: changes nothing in the folder.

    Yields:
      The manager, for `save`, `restore` and `choose`.
    """

    def score(metrics: Mapping[str, float]) -> float:
        value = metrics[best_metric]
        return value if math.isfinite(value) else math.inf

    policy = checkpoint_managers.AnyPreservationPolicy(
        [
            checkpoint_managers.LatestN(n=keep),
            checkpoint_managers.BestN(get_metric_fn=score, reverse=True, n=1, keep_checkpoints_without_metrics=False),
        ]
    )
    options = ocp.CheckpointManagerOptions(
        preservation_policy=policy, best_fn=score, best_mode="min", read_only=read_only
    )
    manager = ocp.CheckpointManager(folder.resolve(), options=options, item_names=("state", "meta"))
    try:
        yield manager
        manager.wait_until_finished()
    finally:
        manager.close()


def saved_steps(folder: Path) -> list[int]:
    """Lists the steps that a folder has checkpoints of."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def save(
    manager: ocp.CheckpointManager, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None
) -> None:
    """Starts to write the state of a step; a step that is there already is left alone.

    Args:
      manager: from `checkpoints`.
      state: the train state; it may be changed as soon as this returns.
      meta: JSON-able values that travel along, such as what preprocessing was fitted to.
      metrics: validation metrics, or None if the state was not validated.
    """
    step = int(state.step)
    if step in manager.all_steps():
        return
    items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(dict(meta)))
    manager.save(step, args=items, metrics=None if metrics is None else dict(metrics))


def restore(manager: ocp.CheckpointManager, step: int, template: TrainState) -> TrainState:
    """Reads the state of a step.

    Args:
      manager: from `checkpoints`.
      step: one of its steps.
      template: a state of the same shapes, with the sharding that is wanted; its values do not matter.

    Returns:
      The state.
    """
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
    return _read(manager, step, "state", ocp.args.StandardRestore(abstract))


def read_meta(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    """Reads the JSON values that were saved with a step."""
    return _read(manager, step, "meta", ocp.args.JsonRestore())


def _read(manager: ocp.CheckpointManager, step: int, item: str, how: Any) -> Any:
    try:
        return manager.restore(step, args=ocp.args.Composite(**{item: how}))[item]
    except (KeyError, ValueError, OSError, TypeError) as error:
        path = manager.directory / str(step)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"checkpoint {path} cannot be read ({reason[:200]}); move that folder away to go on from an older one"
        ) from error


def choose(manager: ocp.CheckpointManager, which: str) -> int:
    """Finds the step of a checkpoint.

    Args:
      manager: from `checkpoints`.
      which: "last", "best" (by validation), or a step number.

    Returns:
      The step.

    Raises:
      UserError: there is no such checkpoint.
    """
    steps = sorted(manager.all_steps())
    if which == "last":
        return steps[-1]
    if which == "best":
        if manager.best_step() is None:
            raise UserError("no checkpoint was validated, so none is the best; take --checkpoint=last")
        return manager.best_step()
    if which.isdecimal() and int(which) in steps:
        return int(which)
    raise UserError(f"no checkpoint {which!r}; there are {', '.join(map(str, steps))}, and the names last and best")
