"""The training loop: fold the train step over batches; everything else only reads the state."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxflow.data.dataset import Dataset
from jaxflow.errors import StoppedError
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import storage_error
from jaxflow.runs.opening import open_run
from jaxflow.runs.results import Results, update_results
from jaxflow.runtime.distributed import broadcast, on_main
from jaxflow.runtime.preemption import preemption_flag, watchdog
from jaxflow.training.checkpoints.manager import open_checkpoints, read_meta, save
from jaxflow.training.checkpoints.restore import restore
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.events import next_events
from jaxflow.training.parallel.dispatch import InFlight
from jaxflow.training.prepare import TrainingSession, initialize_or_restore, prepare_training
from jaxflow.training.progress import RunLog, fetch_metrics, raise_if_diverged
from jaxflow.training.state import TrainState
from jaxflow.training.trained import summarize_run


def train(
    experiment: Experiment,
    workdir: str | Path,
    *,
    dataset: Dataset | None = None,
    source: Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Trains an experiment, or resumes where its run folder stopped.

    Args:
      experiment: what to train.
      workdir: the run folder; made if missing.
      dataset: the experiment's data, if it is loaded already.
      source: the experiment's file, to be copied into the run folder.
      overwrite: starts again in a folder that holds a run.

    Returns:
      The run's results so far, as in results.json.

    Raises:
      UserError: experiment, data or folder do not fit together; nothing that was trained is touched then.
      StoppedError: a signal came; the steps so far are saved.
    """
    workdir = Path(workdir)
    with storage_error(workdir):
        session = prepare_training(experiment, dataset or load_data(experiment))
    with open_run(workdir, experiment, source, overwrite) as folder, storage_error(folder):
        results = _run_loop(session, folder)
        return on_main(lambda: update_results(folder, results))


def _run_loop(session: TrainingSession, folder: Path) -> dict[str, Any]:
    experiment, program, pipeline = session.experiment, session.program, session.pipeline
    empty, total, stop = program.empty_metrics(), program.total_steps, False
    with (
        preemption_flag() as should_stop,
        watchdog(experiment.watchdog_seconds) as heartbeat,
        open_checkpoints(folder / "checkpoints", experiment.problem, experiment.max_checkpoints) as checkpoints,
        closing(pipeline),
    ):
        state, loop = initialize_or_restore(checkpoints, session)
        train_steps = program.compile_train_steps(pipeline) if loop.step < total else None
        validate, rhythm, in_flight, totals = _validation(session), session.rhythm, InFlight(), empty
        with RunLog(folder, session, loop.step, names=empty) as log:
            while train_steps and loop.step < total and not stop:
                due = next_events(loop.step, rhythm)
                count = min(loop.pace, due.log - loop.step)
                items = pipeline.step_inputs(loop.step, count)
                state, totals, last = train_steps(state, totals, pipeline.device_data, items, count)
                in_flight.add(jax.tree.leaves(last)[0], count)
                loop = replace(loop, step=loop.step + count)
                log.advance(state, loop.step)
                stop = should_stop(loop.step)
                if stop or loop.step == due.log:
                    seconds = log.interval(loop.step, fetch_metrics(totals, last, state))  # here the host waits
                    loop, totals = replace(loop, pace=_pace(seconds, pipeline.max_steps, loop.pace)), empty
                    raise_if_diverged(state, folder, experiment.max_nonfinite_steps)
                    checkpoints.checkpointer.raise_errors()
                    heartbeat()
                metrics = validate(state) if loop.step == due.validate else None
                if metrics is not None:
                    loop = loop.validated(metrics[checkpoints.selection_metric], checkpoints.higher_is_better)
                    log.validation(loop, metrics)
                if stop or loop.step == due.save:
                    log.flush()
                    save(checkpoints, state, session.meta | {"loop": loop.to_json()}, metrics)
                log.resume(loop.step)
        checkpoints.checkpointer.wait()
        restore(checkpoints, loop.step, program.abstract_state())  # done means that what was saved can be read back
        validated = on_main(lambda: read_meta(checkpoints, loop.step).get("metrics"))  # whatever was logged last
    if stop and loop.step < total:
        raise StoppedError(f"stopped at step {loop.step} of {total}, which is saved; launch again to go on")
    return summarize_run(program, state, session.dataset, validated) | log.speed()


def _validation(session: TrainingSession) -> Callable[[TrainState], dict[str, float] | None]:
    """Returns what validates a state: its metrics on the validation split, None where there is none."""
    program, split = session.program, session.dataset.splits.get("validation")
    if split is None:
        return lambda state: None
    eval_step, rows = program.compile_eval_step(), program.evaluation_batch_size(split)
    return lambda state: evaluate_split(eval_step, state.variables(), split, rows, program.layout)


def _pace(seconds: float, max_steps: int, before: int) -> int:
    """Returns how many steps to dispatch at once: enough that dispatch costs nothing, few enough that the bar moves."""
    if not seconds > 0:  # NaN is not: nothing was measured
        return before
    return broadcast(max(1, min(max_steps, int(0.1 / seconds))))
