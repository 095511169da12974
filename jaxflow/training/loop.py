"""The training loop: fold the train step over batches; everything else only reads the state."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import jax
from clu import parameter_overview

from jaxflow.console import say
from jaxflow.data.dataset import Dataset
from jaxflow.experiment import Experiment, dumps
from jaxflow.rundir import open_run, update_results
from jaxflow.training.checkpoint import checkpoints, restore, save, saved_steps
from jaxflow.training.log import MetricWriter, Reporter, Stopwatch, read_metrics
from jaxflow.training.passes import evaluate_split, evaluation_batch_size
from jaxflow.training.schedules import learning_rate
from jaxflow.training.setup import Setup, check_same_data, set_up


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
    """
    setup = set_up(experiment, dataset or experiment.data.load())
    with open_run(Path(workdir), experiment, source, overwrite) as folder:
        check_same_data(folder, setup)
        return update_results(folder, _fold(setup, folder))


def _fold(setup: Setup, folder: Path) -> dict[str, Any]:
    experiment, program, feed, splits = setup.experiment, setup.program, setup.feed, setup.dataset.splits
    total, per_epoch = program.total_steps, len(splits["train"]) / experiment.batch_size
    eval_step = program.eval_step()
    rows = evaluation_batch_size(experiment.batch_size, len(program.layout.devices))
    with checkpoints(folder / "checkpoints", experiment.problem.best_metric, experiment.keep_checkpoints) as kept:
        first = max(saved_steps(kept.folder), default=None)
        if first is None:
            state = setup.init()
            say(parameter_overview.get_parameter_overview(state.params, include_stats=False))
        else:
            state = restore(kept, first, program.init())
            say(f"resumed {folder} at step {first} of {total}")
        if total == 0 and first is None:
            save(kept, state, setup.meta, None)
        empty, rate = program.empty_metrics(), jax.jit(partial(learning_rate, experiment.optimizer, total))
        step, pace, totals, watch = first or 0, 1, empty, Stopwatch()
        train_steps = program.train_steps(feed, state) if step < total else None
        with MetricWriter(folder, step) as writer, Reporter(total, per_epoch, experiment.batch_size, step) as report:
            writer.write_texts(step, {"experiment": dumps(experiment)})
            while step < total:
                validate_at = _next_due(step, experiment.validate_epochs * per_epoch, total)
                save_at = min(validate_at, _next_due(step, experiment.checkpoint_steps, total))
                # A checkpoint ends an interval too: a resumed run then logs the same lines as an unbroken one.
                log_at = min(save_at, _next_due(step, experiment.log_steps, total))
                count = min(pace, log_at - step)
                state, totals, last = train_steps(state, totals, feed.resident, feed.items(step, count), count)
                step += count
                report.advance(step)
                if step == (first or 0) + count:  # the first dispatch compiles: it is no measure of speed
                    jax.block_until_ready(state)
                    watch.resume(step)
                if step == log_at:
                    sums, own = jax.device_get((totals, last["loss"]))  # the only place where the host waits
                    seconds, totals = watch.lap(step), empty
                    line = {name: float(metric.compute()) for name, metric in sums.items()}
                    line |= {"step_loss": float(own.compute()), "epoch": step / per_epoch}
                    line |= {"learning_rate": float(rate(step - 1))}
                    if seconds > 0:  # NaN is not
                        line |= {"examples_per_second": experiment.batch_size / seconds}
                        # Enough steps at once that dispatch costs nothing, few enough that the bar moves.
                        pace = max(1, min(feed.most, int(0.1 / seconds)))
                    writer.write_scalars(step, line)
                    report.training(step, line)
                metrics = None
                if step == validate_at and "validation" in splits:
                    metrics, _ = evaluate_split(eval_step, state.variables(), splits["validation"], rows)
                    writer.write_scalars(step, metrics, "validation")
                    report.validation(step, metrics)
                if step == save_at:
                    writer.flush()
                    save(kept, state, setup.meta, metrics)
                if step == log_at:
                    watch.resume(step)
    results: dict[str, Any] = {"steps": total, "checkpoint_step": total}
    validated = [line for line in read_metrics(folder) if line["split"] == "validation"]
    if validated:
        results["validation"] = {name: value for name, value in validated[-1].items() if name not in ("step", "split")}
    if watch.steps:
        speed = watch.steps * experiment.batch_size / watch.seconds
        results |= {"examples_per_second": speed, "seconds": watch.seconds}
    return results


def _next_due(step: int, every: float | None, total: int) -> int:
    """Finds the first step after `step` at or past a multiple of `every` steps; the last step of all is always due."""
    if every is None:
        return total
    # A shade less, so that 3 is due every 0.1 * 30 = 3.0000000000000004 steps.
    due = math.ceil((math.floor(step / every + 1e-9) + 1) * every - 1e-9)
    return min(max(due, step + 1), total)
