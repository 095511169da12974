"""A trained run, read back from its folder; the data it was trained on is not needed."""

import contextlib
import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from jaxflow.data.dataset import Dataset
from jaxflow.data.fingerprint import fingerprint
from jaxflow.errors import DamagedError, UserError, program_name
from jaxflow.experiment import Experiment
from jaxflow.file_io import check_name
from jaxflow.runs.folder import check_same_run, read_experiment, recorded_epochs
from jaxflow.runtime.distributed import on_main, run_on_all
from jaxflow.schema import Schema
from jaxflow.serialization import classes_of, from_json, to_json
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.data_check import check_unchanged, digest_of_names
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.checkpoints.reading import Checkpoints, read_meta
from jaxflow.training.checkpoints.restore import restore
from jaxflow.training.checkpoints.retention import best_step, resolve_step
from jaxflow.training.events import LoopState
from jaxflow.training.parallel.layout import bytes_per_device
from jaxflow.training.prepare import TrainingSession, build_program
from jaxflow.training.program import Program
from jaxflow.training.progress import format_epochs
from jaxflow.training.state import TrainState

if TYPE_CHECKING:  # each is imported by the sources that fit it
    from jaxflow.data.series.encode import SeriesEncoding
    from jaxflow.data.tables.encode import TableEncoding
    from jaxflow.data.texts.encode import SentenceEncoding, TextEncoding

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class Trained:
    """A trained run, read back from its folder.

    Attributes:
      step: which checkpoint it is.
      input_encoding: as `Dataset.input_encoding` of the data it was trained on.
      meta: what the checkpoint carries, verified; "metrics" are those of its validation, None where it had none.
    """

    experiment: Experiment
    program: Program
    state: TrainState
    step: int
    input_encoding: "TableEncoding | TextEncoding | SentenceEncoding | SeriesEncoding | None"
    meta: dict[str, Any]


def experiment_of(workdir: Path, experiment: Experiment | None = None) -> Experiment:
    """Reads the experiment of a run.

    Args:
      workdir: the run folder.
      experiment: stands in for the folder's own, from which it may differ in what is no part of a run's identity.

    Returns:
      The experiment.

    Raises:
      UserError: there is no such run, or it is another experiment's.
    """
    check_name(workdir)
    if not workdir.is_dir():
        raise UserError(f"no run folder at {workdir}; name one with --workdir, or train first")
    if experiment is None or not (workdir / "experiment.json").exists():
        return read_experiment(workdir)
    experiment = dataclasses.replace(experiment, epochs=recorded_epochs(workdir))  # as it was trained
    check_same_run(workdir, experiment)
    return experiment


def check_same_data(workdir: Path, trained: Trained, dataset: Dataset) -> None:
    """Checks that a dataset has the inputs and targets that a run was trained on.

    Args:
      workdir: the run folder, for the error.
      trained: the run.
      dataset: its data as it is now; examples may have come or gone.

    Raises:
      UserError: its schema, what its source fitted to the training split, or what training examples of the same names
        hold is another.
    """
    train = dataset.splits["train"]
    saved, now = {"schema": to_json(trained.program.schema)}, {"schema": to_json(dataset.schema)}
    if trained.input_encoding is not None:  # earlier versions wrote none for series
        saved |= {"encoding": to_json(trained.input_encoding)}
        now |= {"encoding": to_json(dataset.input_encoding)}
    if trained.meta["train_ids"] == digest_of_names(train):
        saved, now = saved | {"contents": trained.meta.get("contents")}, now | {"contents": fingerprint(train)}
    check_unchanged(workdir, saved, json.loads(json.dumps(now)))


def check_record(workdir: Path, experiment: Experiment, dataset: Dataset) -> None:
    """Checks that a folder holds no run of other data, whose record a description of this data would replace.

    Args:
      workdir: the folder; where there is no checkpoint in it, nothing is checked.
      experiment: whose data it is.
      dataset: the data.

    Raises:
      UserError: a run was trained there on other data, or on other examples of it.
    """
    meta = None
    with open_checkpoints(workdir / "checkpoints", experiment.problem, read_only=True) as checkpoints:
        for step in saved_steps(checkpoints.folder)[::-1]:
            with contextlib.suppress(DamagedError):
                meta = read_meta(checkpoints, step)
                break
    if meta is None:
        return
    train, known = dataset.splits["train"], classes_of(experiment)
    # Read and written again: fields that the version which wrote them did not have hold their defaults.
    described = {name: to_json(from_json(meta[name], known)) for name in ("schema", "encoding") if name in meta}
    now = {
        "schema": to_json(dataset.schema),
        "encoding": to_json(dataset.input_encoding),
        "train_size": len(train),
        "train_ids": digest_of_names(train),
        "contents": fingerprint(train),
    }
    now = {name: value for name, value in now.items() if name in meta}
    check_unchanged(workdir, meta | described, json.loads(json.dumps(now)), "to describe this data, name a --workdir")


def read_trained(workdir: Path, checkpoint: str | None = None, experiment: Experiment | None = None) -> Trained:
    """Reads a trained run; the data it was trained on is not needed.

    Args:
      workdir: its folder.
      checkpoint: "last", "best" or a step; None for the last, of a run with early stopping the best.
      experiment: stands in for the folder's own, as in `experiment_of`.

    Returns:
      The trained run.

    Raises:
      UserError: there is no such run or checkpoint.
    """
    experiment = experiment_of(workdir, experiment)
    with open_checkpoints(workdir / "checkpoints", experiment.problem, read_only=True) as checkpoints:
        trained = None
        while trained is None:
            trained = _read_intact(checkpoints, checkpoint, experiment)
        return trained


def _read_intact(checkpoints: Checkpoints, which: str | None, experiment: Experiment) -> Trained | None:
    """Reads a checkpoint, or an older one where the last is damaged; None if one is gone as soon as it was found."""
    steps = on_main(lambda: saved_steps(checkpoints.folder)[::-1])
    if not steps:
        workdir = checkpoints.folder.parent
        raise UserError(f"{workdir} has no checkpoint; train there first: {program_name()} train --workdir {workdir}")
    if which is None:
        stops = experiment.early_stopping is not None and on_main(lambda: best_step(checkpoints)) is not None
        which = "best" if stops else "last"
    for step in steps if which == "last" else [on_main(lambda: resolve_step(checkpoints, which))]:
        try:
            return _read_checkpoint(checkpoints, step, experiment)
        except DamagedError as error:
            if not on_main((checkpoints.folder / str(step)).exists):
                return None  # a run that still trains has newer ones, and removed it
            if which != "last" or step == steps[-1]:
                raise
            logger.warning(f"{error}; an older one is taken")
    return None


def _read_checkpoint(checkpoints: Checkpoints, step: int, experiment: Experiment) -> Trained:
    meta = run_on_all(lambda: read_meta(checkpoints, step))
    fitted = dataclasses.replace(experiment, problem=from_json(meta["problem"], classes_of(experiment)))
    schema = from_json(meta["schema"])
    if not isinstance(schema, Schema) or len(meta["fitted"]) != len(experiment.preprocess):
        raise DamagedError(
            f"checkpoint {checkpoints.folder / str(step)} is damaged: its meta is of another schema or preprocessing"
        )
    program = build_program(fitted, schema, meta["fitted"], meta["train_size"])
    state = restore(checkpoints, step, program.abstract_state())
    encoding = from_json(meta.get("encoding"), classes_of(experiment))
    return Trained(experiment, program, state, step, encoding, meta)


def summarize_run(
    program: Program, state: TrainState, dataset: Dataset, validated: Mapping[str, float] | None
) -> dict[str, Any]:
    """Returns what results.json holds of a finished run, beside its speed and its test.

    Args:
      program: the run's program.
      state: its last state.
      dataset: its data.
      validated: validation metrics of that state, as its checkpoint has them; None where there is no validation split.
    """
    summary = {
        "steps": program.total_steps,
        "checkpoint_step": int(state.step),
        "skipped_steps": int(state.skipped),
        "excluded_examples": sum(dataset.excluded.values()),
        "state_bytes_per_device": bytes_per_device(state),
        "parameters": sum(array.size for array in jax.tree.leaves(state.params)),
    }
    return summary | ({"validation": dict(validated)} if validated else {})


def say_best(session: TrainingSession, loop: LoopState, last: float, checkpoints: Checkpoints) -> None:
    """Logs when a run that has ended was best, where that was long before.

    Args:
      session: what was trained.
      loop: the loop's memory at the end.
      last: the selection metric's value at the end.
      checkpoints: the run's.
    """
    if loop.best_step is None or last == loop.best:
        return
    early, metric = session.experiment.early_stopping, checkpoints.selection_metric
    at, end = (format_epochs(step / session.steps_per_epoch) for step in (loop.best_step, loop.step))
    best = f"validation {metric} was {'highest' if checkpoints.higher_is_better else 'lowest'} at epoch {at} of {end}"
    since = loop.step - loop.best_step
    if early is not None:
        logger.info(f"{best}: this checkpoint is the run's result, and `last` is there too")
    elif since >= max(3 * session.rhythm.validate, loop.step / 3):
        logger.info(
            f"{best}: overfitting; evaluate --checkpoint best, or train with early_stopping=EarlyStopping(patience=5)"
        )
