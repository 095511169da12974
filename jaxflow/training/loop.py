"""The training loop: fold the train step over batches; everything else only reads the state."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from jaxflow.data.dataset import Dataset
from jaxflow.errors import DamagedError, StoppedError, UserError
from jaxflow.experiment import Experiment, load_data
from jaxflow.file_io import check_name, storage_error
from jaxflow.interfaces import Problem
from jaxflow.problems.metrics.base import metrics_of
from jaxflow.runs.opening import open_run
from jaxflow.runs.results import Results, update_results
from jaxflow.runtime.distributed import broadcast, on_main
from jaxflow.runtime.preemption import preemption_flag, watchdog
from jaxflow.runtime.startup import describe_devices
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.manager import add_validation, open_checkpoints, save
from jaxflow.training.checkpoints.reading import Checkpoints, read_meta
from jaxflow.training.checkpoints.restore import restore
from jaxflow.training.checkpoints.retention import best_step
from jaxflow.training.checks.agreement import check_agreement
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.events import LoopState, next_events
from jaxflow.training.parallel.dispatch import InFlight
from jaxflow.training.parallel.layout import bytes_per_device
from jaxflow.training.parallel.memory import free_bytes, memory_error
from jaxflow.training.prepare import TrainingSession, prepare_training
from jaxflow.training.progress import RunLog, fetch_metrics, raise_if_diverged
from jaxflow.training.resume import initialize_or_restore
from jaxflow.training.state import TrainState
from jaxflow.training.trained import say_best, summarize_run

logger = logging.getLogger("jaxflow")


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
    folder = Path(workdir)
    check_name(folder)
    with storage_error(folder):
        session = prepare_training(experiment, dataset or load_data(experiment))
        check_agreement(experiment, session.meta)
        saved = folder / "checkpoints"
        begins = overwrite or on_main(lambda: not (saved.is_dir() and saved_steps(saved)))
        if begins:
            _ = session.weights  # read now: where they do not fit, there is no folder yet
    logger.info(f"training on {describe_devices(session.program.layout.devices)}")
    _say_positive(session.program.experiment.problem, session.dataset.schema.target.names)
    with memory_error(session.program.advice):
        # Before there is a folder, where it has no state to go on with: a run that does not fit leaves nothing behind.
        compiled = (
            session.program.compile_train_steps(session.pipeline) if begins and session.program.total_steps else None
        )
        with open_run(folder, experiment, source, overwrite), storage_error(folder):
            results = _run_loop(session, folder, compiled)
            return on_main(lambda: update_results(folder, results))


def _say_positive(problem: Problem, names: Sequence[str]) -> None:
    """Logs which of two classes is the positive one, where a problem has one: scores such as F1 are of it alone."""
    positive = getattr(problem, "positive_class", None)
    if positive is not None:
        logger.info(f"positive class: {names[positive]}; problem.positive={names[1 - positive]!r} takes the other")


def _run_loop(session: TrainingSession, folder: Path, compiled: Callable[..., Any] | None) -> dict[str, Any]:
    experiment, program, pipeline = session.experiment, session.program, session.pipeline
    empty, total, stop = program.empty_metrics(), program.total_steps, False
    with (
        preemption_flag() as should_stop,
        watchdog(experiment.watchdog_seconds) as heartbeat,
        open_checkpoints(folder / "checkpoints", experiment.problem, experiment.max_checkpoints) as checkpoints,
        closing(pipeline),
    ):
        state, loop = initialize_or_restore(checkpoints, session)
        early = experiment.early_stopping
        train_steps = None if loop.is_over(early) else compiled or program.compile_train_steps(pipeline, state)
        heartbeat()
        validate, rhythm, in_flight, totals = _validation(session), session.rhythm, InFlight(), empty
        with RunLog(folder, session, loop, names=metrics_of(session.program.experiment.problem)) as log:
            judge = _judge(validate, log, checkpoints, experiment, _interruption(should_stop, heartbeat))
            if loop.validation_due:
                loop, metrics, stop = judge(state, loop)
                if metrics is not None:
                    add_validation(checkpoints, loop.step, {"loop": loop.to_json()}, metrics)
            while train_steps and not loop.is_over(early) and not stop:
                due = next_events(loop.step, rhythm)
                count = min(loop.pace, due.log - loop.step)
                items = pipeline.step_inputs(loop.step, count)
                state, totals, last = train_steps(state, totals, pipeline.device_data, items, count, loop.factor)
                in_flight.add(jax.tree.leaves(last)[0], count)
                heartbeat()
                loop = replace(loop, step=loop.step + count)
                log.advance(state, loop.step)
                stop = should_stop(loop.step)
                if stop or loop.step == due.log:
                    seconds = log.interval(loop, fetch_metrics(totals, last, state))  # here the host waits
                    loop, totals = replace(loop, pace=_pace(seconds, pipeline.max_steps, loop.pace)), empty
                    loop = replace(loop, **log.watch.measured())
                    limit = min(experiment.max_nonfinite_steps, total)
                    raise_if_diverged(state, folder, limit, over=loop.step >= total)
                    checkpoints.checkpointer.raise_errors()
                loop = replace(loop, validation_due=validate is not None and loop.step == due.validate)
                loop, metrics, stop = judge(state, loop, stop)
                if stop or loop.step == due.save:
                    meta = session.meta | {"loop": loop.to_json(), "log": log.flush()}
                    first = not checkpoints.any_saved()
                    save(checkpoints, state, meta, metrics)
                    if first and not stop and loop.step < total:
                        _read_back(checkpoints, session, state)
                    heartbeat()
                log.resume(loop.step)
        checkpoints.checkpointer.wait()
        heartbeat()
        if not stop:  # early stopping may end it before a line of the log was due
            raise_if_diverged(state, folder, experiment.max_nonfinite_steps, over=True)
        results = _conclude(session, checkpoints, loop, state, stop)
        del state  # there may be no room for two
        restore(checkpoints, loop.step, program.abstract_state())  # done means that what was saved can be read back
    if stop:
        raise StoppedError(f"stopped at step {loop.step} of {total}, which is saved; launch again to resume")
    return results | log.speed()


def _conclude(
    session: TrainingSession, checkpoints: Checkpoints, loop: LoopState, state: TrainState, stopped: bool
) -> dict[str, Any]:
    """Returns the results of a run at its end, where a signal has not stopped it; says where it was best."""
    early, final = session.experiment.early_stopping, loop.step
    if early is not None and not stopped:
        final = on_main(lambda: best_step(checkpoints)) or loop.step
    # Whatever was logged last: what is saved counts.
    last, validated = (on_main(lambda at=at: read_meta(checkpoints, at).get("metrics")) for at in (loop.step, final))
    if not stopped and last:
        say_best(session, loop, last[checkpoints.selection_metric], checkpoints)
    results = summarize_run(session.program, state, session.dataset, validated)
    return results | {"steps": loop.step, "checkpoint_step": final} if early is not None else results


def _read_back(checkpoints: Checkpoints, session: TrainingSession, state: TrainState) -> None:
    """Reads the first checkpoint of a run as soon as it is written, so that a folder that loses it is known at once.

    Raises:
      UserError: it is not what was written.
    """
    checkpoints.checkpointer.wait()
    free = free_bytes(session.program.layout.device)
    if not broadcast(free is None or free > 2 * bytes_per_device(state)):
        return  # there is no room for two: the last one is read in any case
    try:
        restore(checkpoints, int(state.step), session.program.abstract_state())
    except DamagedError as error:
        raise UserError(
            f"the run's first checkpoint cannot be read back ({error}); look at the disk, or choose another --workdir"
        ) from error


def _validation(session: TrainingSession) -> Callable[..., dict[str, float]] | None:
    """Returns (state, on_batch) -> metrics of a state on the validation split; None where there is none."""
    program, split = session.program, session.dataset.splits.get("validation")
    if split is None:
        return None
    eval_step, rows = program.compile_eval_step(), program.evaluation_batch_size(split)

    def validate(state: TrainState, on_batch: Callable[[], None]) -> dict[str, float]:
        program.check_evaluation_fits(rows)
        shift = program.target_shift
        return evaluate_split(eval_step, state.variables(), split, rows, program.layout, shift=shift, on_batch=on_batch)

    return validate


def _judge(
    validate: Callable[..., dict[str, float]] | None,
    log: RunLog,
    checkpoints: Checkpoints,
    experiment: Experiment,
    on_batch: Callable[[], None],
) -> Callable[..., tuple[LoopState, dict[str, float] | None, bool]]:
    """Returns what validates where that is due: (state, loop, stop) -> (loop, its metrics or None, whether to stop).

    A run that is to stop validates when it goes on: what stops it leaves it little time, and its state is saved first.
    """

    def judge(state: TrainState, loop: LoopState, stop: bool = False) -> Any:
        if stop or not loop.validation_due or validate is None:
            return loop, None, stop
        try:
            metrics = validate(state, on_batch)
        except StoppedError:
            return loop, None, True
        value, higher = metrics[checkpoints.selection_metric], checkpoints.higher_is_better
        before, loop = loop, loop.validated(value, higher, experiment.early_stopping, experiment.reduce_on_plateau)
        log.validation(loop, metrics)
        if loop.factor != before.factor:
            logger.info(f"no improvement for long: learning rates are {loop.factor:.3g} of the schedule's from here on")
        return loop, metrics, False

    return judge


def _interruption(should_stop: Callable[[int], bool], heartbeat: Callable[[], None]) -> Callable[[], None]:
    """Returns what is called after each batch of a validation: it raises StoppedError when a signal has come."""

    def interrupt() -> None:
        heartbeat()
        if should_stop(0):
            raise StoppedError("stopped in a validation")

    return interrupt


def _pace(seconds: float, max_steps: int, before: int) -> int:
    """Returns how many steps to dispatch at once: enough that dispatch costs nothing, few enough that the bar moves."""
    if not seconds > 0:  # NaN is not: nothing was measured
        return before
    return broadcast(max(1, min(max_steps, int(0.1 / seconds))))
