"""The training loop: fold the train step over batches; everything else only reads the state."""

import math
from contextlib import closing
from pathlib import Path
from typing import Any

import jax

from jaxflow.data.dataset import Dataset
from jaxflow.errors import StoppedError
from jaxflow.experiment import Experiment, dumps, load_data
from jaxflow.file_io import storage_error
from jaxflow.runs.folder import open_run
from jaxflow.runs.metrics_log import MetricWriter, last_validation
from jaxflow.runs.results import update_results
from jaxflow.runtime.distributed import broadcast, on_main
from jaxflow.runtime.preemption import preemption_flag, watchdog
from jaxflow.training.checkpoints.manager import checkpoints, save
from jaxflow.training.checkpoints.restore import restore
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.prepare import TrainingSession, initialize_or_restore, prepare_training, summarize_run
from jaxflow.training.progress import ProgressReporter, Stopwatch, fetch_metrics, raise_if_diverged


def train(
    experiment: Experiment,
    workdir: str | Path,
    *,
    dataset: Dataset | None = None,
    source: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Trains an experiment, or goes on where its run folder stopped.

    Args:
      experiment: what to train.
      workdir: the run folder; made if missing.
      dataset: the experiment's data, if it is loaded already.
      source: the experiment's file, to be kept in the run folder.
      overwrite: starts again in a folder that holds a run.

    Returns:
      The run's results so far, as in results.json.

    Raises:
      UserError: experiment, data or folder do not fit together; nothing that was trained is touched then.
      StoppedError: a signal came; the steps so far are saved.
    """
    setup = prepare_training(experiment, dataset or load_data(experiment))
    with open_run(Path(workdir), experiment, source, overwrite) as folder, storage_error(folder):
        results = _run_loop(setup, folder)
        return on_main(lambda: update_results(folder, results))


def _run_loop(setup: TrainingSession, folder: Path) -> dict[str, Any]:
    experiment, program, feed, splits = setup.experiment, setup.program, setup.feed, setup.dataset.splits
    total, per_epoch = program.total_steps, len(splits["train"]) / experiment.batch_size
    measure, rows = (
        program.compile_eval_step(),
        program.evaluation_batch_size(splits.get("validation", splits["train"])),
    )
    with (
        preemption_flag() as should_stop,
        watchdog(experiment.watchdog_seconds) as heartbeat,
        checkpoints(folder, experiment) as kept,
        closing(feed),
    ):
        state, first = initialize_or_restore(kept, setup)
        empty = program.empty_metrics()
        step, stop, pace, totals, watch = first, False, 1, empty, Stopwatch()
        train_steps = program.compile_train_steps(feed) if step < total else None
        reporter = ProgressReporter(total, per_epoch, experiment.batch_size, step, names=empty)
        with MetricWriter(folder, step) as writer, reporter as report:
            writer.write_texts(step, {"experiment": dumps(experiment)})
            while step < total and not stop:
                validate_at = _next_due(step, experiment.validate_every_epochs * per_epoch, total)
                save_at = min(validate_at, _next_due(step, experiment.checkpoint_every_steps, total))
                # A checkpoint ends an interval too: a resumed run then logs the same lines as an unbroken one.
                log_at = min(save_at, _next_due(step, experiment.log_every_steps, total))
                count = min(pace, log_at - step)
                state, totals, last = train_steps(state, totals, feed.device_data, feed.step_inputs(step, count), count)
                step += count
                report.advance(step)
                if step == first + count:  # the first dispatch compiles: it is no measure of speed
                    watch.resume(int(jax.block_until_ready(state).step))
                stop = should_stop(step)
                log_at, save_at = (step, step) if stop else (log_at, save_at)
                if step == log_at:
                    line = fetch_metrics(totals, last, state)  # the only place where the host waits
                    seconds, totals = watch.stop(step), empty
                    line |= {"epoch": step / per_epoch, "learning_rate": program.learning_rate(step - 1)}
                    if seconds > 0:  # NaN is not
                        line |= {"examples_per_second": experiment.batch_size / seconds}
                        # Enough steps at once that dispatch costs nothing, few enough that the bar moves.
                        pace = broadcast(max(1, min(feed.max_steps, int(0.1 / seconds))))
                    writer.write_scalars(step, line)
                    report.training(step, line)
                    raise_if_diverged(state, folder, experiment.max_nonfinite_steps)
                    kept.checkpointer.raise_errors()
                    heartbeat()
                metrics = None
                if step == validate_at and "validation" in splits:
                    metrics, _ = evaluate_split(measure, state.variables(), splits["validation"], rows, program.layout)
                    writer.write_scalars(step, metrics, "validation")
                    report.validation(step, metrics)
                if step == save_at:
                    writer.flush()
                    save(kept, state, setup.meta, metrics)
                if step == log_at:
                    watch.resume(step)
        kept.checkpointer.wait()
        restore(kept, step, program.abstract_state())  # done means that what was saved can be read back
    if stop and step < total:
        raise StoppedError(f"stopped at step {step} of {total}, which is saved; launch again to go on")
    return summarize_run(setup, state) | last_validation(folder) | watch.speed(experiment.batch_size)


def _next_due(step: int, every: float | None, total: int) -> int:
    """Finds the first step after `step` at or past a multiple of `every` steps; the last step of all is always due."""
    if every is None:
        return total
    # A shade less, so that 3 is due every 0.1 * 30 = 3.0000000000000004 steps.
    due = math.ceil((math.floor(step / every + 1e-9) + 1) * every - 1e-9)
    return min(max(due, step + 1), total)
