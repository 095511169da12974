"""One past step again: the state comes from a checkpoint, the batch from the step's number."""

import math
from contextlib import closing
from pathlib import Path

from jaxflow.console import track
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.events import LoopState
from jaxflow.training.prepare import prepare_training
from jaxflow.training.resume import resume
from jaxflow.training.trained import experiment_of


def replay(
    workdir: str | Path, step: int, *, experiment: Experiment | None = None
) -> tuple[dict[str, float], float | None]:
    """Computes a training step again, from the newest checkpoint before it, or from the start where there is none.

    Args:
      workdir: the run folder; nothing in it is changed.
      step: the step's number, from 1.
      experiment: the run's own, where paths or the like differ from its folder's.

    Returns:
      The metrics of the step's own batch, and the loss that was logged for it (None if the step has no log line).

    Raises:
      UserError: the run has no such step.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        return _replay(workdir, step, experiment_of(workdir, experiment))


def _replay(workdir: Path, step: int, experiment: Experiment) -> tuple[dict[str, float], float | None]:
    session = prepare_training(experiment, load_data(experiment))
    program, pipeline = session.program, session.pipeline
    if not 1 <= step <= program.total_steps:
        raise UserError(f"step {step} is not in this run; it has steps 1 to {program.total_steps}")
    folder, problem = workdir / "checkpoints", experiment.problem
    with open_checkpoints(folder, problem, read_only=True) as checkpoints, closing(pipeline):
        resumed = resume(checkpoints, session, before=step)
        state, loop = resumed or (session.init(), LoopState(0))
        validations = {line["step"]: line for line in read_metrics(workdir) if line["split"] == "validation"}
        higher, first = checkpoints.higher_is_better, loop.step + (not loop.validation_due)
        train_steps, totals = program.compile_train_steps(pipeline, state), program.empty_metrics()
        for number in track(range(int(state.step), step), f"replay up to step {step}"):
            if number >= first and number in validations:  # it may have lowered the learning rate
                value = validations[number].get(checkpoints.selection_metric, math.nan)
                loop = loop.validated(value, higher, plateau=experiment.reduce_on_plateau)
            items = pipeline.step_inputs(number, 1)
            state, totals, metrics = train_steps(state, totals, pipeline.device_data, items, 1, loop.factor)
    logged = [line["step_loss"] for line in read_metrics(workdir) if line["step"] == step and "step_loss" in line]
    return {name: float(metric.compute()) for name, metric in metrics.items()}, logged[-1] if logged else None
