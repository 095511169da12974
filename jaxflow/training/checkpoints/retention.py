"""Which checkpoints are retained: the latest few, and the best by validation."""

import math
import shutil

from jaxflow.errors import DamagedError, UserError
from jaxflow.ranges import whole_number
from jaxflow.runtime.distributed import is_main
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.reading import Checkpoints, read_meta


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
        best = best_step(checkpoints)
        if best is None:
            raise UserError("no checkpoint was validated, so none is the best; take --checkpoint=last")
        return best
    step = whole_number(which)
    if step in steps:
        return step
    raise UserError(f"no checkpoint {which!r}; there are {', '.join(map(str, steps))}, and the names last and best")


def best_step(checkpoints: Checkpoints) -> int | None:
    """Finds the step of the best finite metric; the later one where two are equal."""
    for step in set(saved_steps(checkpoints.folder)) - set(checkpoints.scores):
        try:
            metrics = read_meta(checkpoints, step)["metrics"]
        except DamagedError:
            continue
        if metrics:
            checkpoints.scores[step] = metrics.get(checkpoints.selection_metric, math.nan)
    here = [step for step in saved_steps(checkpoints.folder) if math.isfinite(checkpoints.scores.get(step, math.nan))]
    sign = 1 if checkpoints.higher_is_better else -1
    return max(here, key=lambda step: (sign * checkpoints.scores[step], step), default=None)


def prune(checkpoints: Checkpoints) -> None:
    """Removes checkpoints that are neither the best nor among the latest."""
    steps = saved_steps(checkpoints.folder)
    if checkpoints.read_only or len(steps) <= checkpoints.keep or not is_main():
        return
    for step in set(steps[: -checkpoints.keep]) - {best_step(checkpoints)}:
        # Renamed first: a folder that is being removed must never look like a checkpoint.
        doomed = checkpoints.folder / f"{step}.orbax-checkpoint-tmp-removed"
        (checkpoints.folder / str(step)).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
