"""The state that training starts from: a run's newest intact one, or the initial one, and what the loop remembers."""

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clu import parameter_overview

from jaxflow.console import OF_LINES
from jaxflow.experiment import Experiment, dumps
from jaxflow.optimizers.base import fixed_warmup
from jaxflow.optimizers.schedules import learning_rate
from jaxflow.runs.folder import sealed
from jaxflow.runs.metrics_log import check_metrics
from jaxflow.runs.opening import record
from jaxflow.runtime.distributed import on_main
from jaxflow.serialization import classes_of, from_json, to_json
from jaxflow.training.checkpoints.data_check import check_unchanged
from jaxflow.training.checkpoints.manager import save
from jaxflow.training.checkpoints.reading import Checkpoints, read_meta
from jaxflow.training.checkpoints.restore import restore_newest
from jaxflow.training.events import LoopState, read_loop_state
from jaxflow.training.parallel.layout import bytes_per_device
from jaxflow.training.prepare import TrainingSession
from jaxflow.training.state import TrainState
from jaxflow.training.weights.reading import check_unchanged_weights

logger = logging.getLogger("jaxflow")


def initialize_or_restore(checkpoints: Checkpoints, session: TrainingSession) -> tuple[TrainState, LoopState]:
    """Returns the state that training starts from, and what the loop remembers.

    Args:
      checkpoints: the run's checkpoints; of a run without steps the initial state is saved there.
      session: what is trained.

    Returns:
      The newest state of the run, or the initial one where it has none; the loop's memory.

    Raises:
      UserError: as `resume`.
    """
    total, resumed = session.program.total_steps, resume(checkpoints, session)
    state, loop = resumed or (session.init(), LoopState(0))
    # Now that there is a state of it: it may have more epochs than before, or other paths.
    on_main(lambda: record(checkpoints.folder.parent, sealed(dumps(session.experiment))))
    if resumed is None:
        logger.info(parameter_overview.get_parameter_overview(state.params, include_stats=False), extra=OF_LINES)
        if total == 0:
            save(checkpoints, state, session.meta)
    else:
        logger.info(f"resumed {checkpoints.folder.parent} at step {loop.step} of {total}")
        if loop.total is not None and loop.total < total:
            logger.info(_describe_growth(session, loop.step, loop.total))
    if session.experiment.strategy == "fsdp":
        devices = len(session.program.layout.devices)
        logger.info(
            f"the state takes {bytes_per_device(state):,} bytes on each of the devices, of which there are {devices}"
        )
    return state, dataclasses.replace(loop, total=total)


def _describe_growth(session: TrainingSession, step: int, before: int) -> str:
    """Returns a line on what more epochs change for a run at a step, which was to have `before` steps until now."""
    optimizer, total = session.experiment.optimizer, session.program.total_steps
    asked = [*range(0, step, -(-step // 16)), step - 1]

    def rates(end: int) -> list[float]:
        fixed = fixed_warmup(optimizer, end, session.steps_per_epoch)
        return [float(learning_rate(fixed, end, at)) for at in asked]

    old, new = rates(before), rates(total)
    if old == new:
        return f"it was to have {before} steps, and continues to {total}"
    return (
        f"it was to have {before} steps, and continues to {total}: {type(optimizer.schedule).__name__} is spread over "
        f"all of them now, so the learning rate, which had come to {old[-1]:.3g}, continues at {new[-1]:.3g}"
    )


def resume(
    checkpoints: Checkpoints, session: TrainingSession, before: float = math.inf
) -> tuple[TrainState, LoopState] | None:
    """Reads the newest intact state of a run that resumes, and what its loop remembered.

    Args:
      checkpoints: the run's checkpoints.
      session: what the run is to go on with.
      before: only states of steps before this one are wanted.

    Returns:
      Both; None where the run has no state yet.

    Raises:
      UserError: no checkpoint is intact, or it was trained on other data or by another program.
    """
    if not checkpoints.any_saved():
        return None
    workdir, now = checkpoints.folder.parent, json.loads(json.dumps(session.meta))

    def check(saved: dict[str, Any]) -> None:
        _check_meta(workdir, session.experiment, saved, now)

    state = restore_newest(checkpoints, session.program.abstract_state(), before, check)
    if state is None:
        return None
    saved = on_main(lambda: read_meta(checkpoints, int(state.step)))
    on_main(lambda: check_metrics(workdir, saved.get("log")))
    return state, read_loop_state(saved, int(state.step))


def _check_meta(workdir: Path, experiment: Experiment, saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises UserError if what a checkpoint carries of data and weights is not what a run is to go on with."""
    check_unchanged_weights(workdir, saved.get("weights"), now.get("weights"))
    now = {name: value for name, value in now.items() if name != "weights"}
    if "encoding" not in saved:  # earlier versions wrote none for series
        now.pop("encoding", None)
    known = classes_of(experiment)
    # Read and written again: fields that the version which wrote them did not have hold their defaults.
    again = {
        name: to_json(from_json(saved[name], known)) for name in ("schema", "problem", "encoding") if name in saved
    }
    check_unchanged(workdir, {**saved, **again}, now)
