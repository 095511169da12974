"""Checkpoints by Orbax: written in the background, the latest few and the best kept.

Orbax is imported when the first checkpoint is written or read, not before: it takes a third of a second.
"""

import functools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from jaxflow.errors import UserError
from jaxflow.training.state import TrainState

if TYPE_CHECKING:
    import orbax.checkpoint as ocp


@dataclass(frozen=True)
class Checkpoints:
    """A folder of checkpoints.

    Attributes:
      folder: where they lie; made by the first that is written.
      best_metric: the metric whose lowest value marks the best, which is kept beside the latest.
      keep: how many of the latest are kept.
      read_only: changes nothing in the folder.
    """

    folder: Path
    best_metric: str = "loss"
    keep: int = 2
    read_only: bool = False

    @functools.cached_property
    def manager(self) -> "ocp.CheckpointManager":
        """Opens the folder."""
        import orbax.checkpoint as ocp
        from orbax.checkpoint import checkpoint_managers as managers

        def score(metrics: Mapping[str, float]) -> float:
            value = metrics[self.best_metric]
            return value if math.isfinite(value) else math.inf

        best = managers.BestN(get_metric_fn=score, reverse=True, n=1, keep_checkpoints_without_metrics=False)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=managers.AnyPreservationPolicy([managers.LatestN(n=self.keep), best]),
            best_fn=score,
            best_mode="min",
            read_only=self.read_only,
        )
        return ocp.CheckpointManager(self.folder.resolve(), options=options, item_names=("state", "meta"))

    def wait(self) -> None:
        """Waits until all that was saved is written."""
        if "manager" in self.__dict__:
            self.manager.wait_until_finished()


@contextmanager
def checkpoints(
    folder: Path, best_metric: str = "loss", keep: int = 2, read_only: bool = False
) -> Iterator[Checkpoints]:
    """Opens a folder of checkpoints for `save`, `restore` and `choose`, and waits for the last write when done."""
    opened = Checkpoints(folder, best_metric, keep, read_only)
    try:
        yield opened
        opened.wait()
    finally:
        if "manager" in opened.__dict__:
            opened.manager.close()


def saved_steps(folder: Path) -> list[int]:
    """Lists the steps that a folder has checkpoints of."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def save(folder: Checkpoints, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None) -> None:
    """Starts to write the state of a step; a step that is there already is left alone.

    Args:
      folder: from `checkpoints`.
      state: the train state; it may be changed as soon as this returns.
      meta: JSON-able values that travel along, such as what preprocessing was fitted to.
      metrics: validation metrics, or None if the state was not validated.
    """
    import orbax.checkpoint as ocp

    step, manager = int(state.step), folder.manager
    if step in manager.all_steps():
        return
    items = ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(dict(meta)))
    manager.save(step, args=items, metrics=None if metrics is None else dict(metrics))


def restore(folder: Checkpoints, step: int, template: TrainState) -> TrainState:
    """Reads the state of a step.

    Args:
      folder: from `checkpoints`.
      step: one of its steps.
      template: a state of the same shapes, with the sharding that is wanted; its values do not matter.

    Returns:
      The state.
    """
    import orbax.checkpoint as ocp

    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
    return _read(folder, step, "state", ocp.args.StandardRestore(abstract))


def read_meta(folder: Checkpoints, step: int) -> dict[str, Any]:
    """Reads the JSON values that were saved with a step."""
    import orbax.checkpoint as ocp

    return _read(folder, step, "meta", ocp.args.JsonRestore())


def _read(folder: Checkpoints, step: int, item: str, how: Any) -> Any:
    import orbax.checkpoint as ocp

    try:
        return folder.manager.restore(step, args=ocp.args.Composite(**{item: how}))[item]
    except (KeyError, ValueError, OSError, TypeError) as error:
        path = folder.folder / str(step)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"checkpoint {path} cannot be read ({reason[:200]}); move that folder away to go on from an older one"
        ) from error


def choose(folder: Checkpoints, which: str) -> int:
    """Finds the step of a checkpoint.

    Args:
      folder: from `checkpoints`.
      which: "last", "best" (by validation), or a step number.

    Returns:
      The step.

    Raises:
      UserError: there is no such checkpoint.
    """
    steps = sorted(folder.manager.all_steps())
    if which == "last":
        return steps[-1]
    if which == "best":
        best = folder.manager.best_step()
        if best is None:
            raise UserError("no checkpoint was validated, so none is the best; take --checkpoint=last")
        return best
    if which.isdecimal() and int(which) in steps:
        return int(which)
    raise UserError(f"no checkpoint {which!r}; there are {', '.join(map(str, steps))}, and the names last and best")
