"""Checkpoints by Orbax: written in the background, verified when read; the latest few and the best are retained.

A checkpoint is a folder named by its step; Orbax names it so when all of it is written. Beside the state it
holds `meta`: what is needed to use it without the data, each leaf's shape, dtype and digest, and a digest of its own.
Orbax is imported when the first checkpoint is written or read, not before: it takes a third of a second.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxflow.file_io import storage_error, write_atomically
from jaxflow.interfaces import Problem
from jaxflow.problems.metrics.base import metric_named
from jaxflow.runtime.distributed import on_main
from jaxflow.serialization import json_digest
from jaxflow.training.checkpoints.checkpointer import Checkpointer, saved_steps, write_error
from jaxflow.training.checkpoints.checksums import checksums, leaf_specs
from jaxflow.training.checkpoints.reading import Checkpoints, read_meta
from jaxflow.training.checkpoints.retention import prune
from jaxflow.training.state import TrainState


@contextmanager
def open_checkpoints(
    folder: Path, problem: Problem, max_checkpoints: int = 2, read_only: bool = False
) -> Iterator[Checkpoints]:
    """Opens a folder of checkpoints, and waits for the last write when done.

    Args:
      folder: where they lie, or shall lie.
      problem: its selection metric says which is the best.
      max_checkpoints: how many of the latest are retained beside the best.
      read_only: changes nothing in the folder.

    Yields:
      The checkpoints.
    """
    metric = metric_named(problem, problem.selection_metric)
    opened = Checkpoints(
        folder,
        problem.selection_metric,
        metric.higher_is_better,
        max_checkpoints,
        read_only,
        Checkpointer(folder, read_only),
    )
    try:
        yield opened
        opened.checkpointer.wait()
        prune(opened)
    except BaseException:
        opened.checkpointer.abandon()
        raise
    opened.checkpointer.close()


def save(
    checkpoints: Checkpoints, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None = None
) -> None:
    """Starts to write the state of a step, unless the step is saved already.

    Args:
      checkpoints: from `open_checkpoints`.
      state: the train state; it may be changed as soon as this returns.
      meta: JSON-able values that travel along, such as what preprocessing was fitted to.
      metrics: validation metrics, or None if the state was not validated.

    Raises:
      UserError: this one or the one before could not be written.
    """
    import orbax.checkpoint as ocp

    step = int(state.step)
    if on_main(lambda: step in saved_steps(checkpoints.folder)):
        return
    checkpoints.checkpointer.wait()
    prune(checkpoints)
    leaves = {
        name: [*form, digest] for (name, form), digest in zip(leaf_specs(state).items(), checksums(state).values())
    }
    described = {**meta, "leaves": leaves, "metrics": None if metrics is None else dict(metrics)}
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(described | {"digest": json_digest(described)})
    )
    with write_error(checkpoints.folder / str(step)):
        checkpoints.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.checkpointer.start().save((checkpoints.folder / str(step)).resolve(), args=items)
    if metrics is not None:
        checkpoints.scores[step] = metrics[checkpoints.selection_metric]


def add_validation(checkpoints: Checkpoints, step: int, meta: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Adds to a checkpoint, all at once, the metrics of a validation that came after it was written.

    Args:
      checkpoints: from `open_checkpoints`.
      step: one of its steps.
      meta: entries that take the place of those that were saved.
      metrics: validation metrics.
    """

    def rewrite() -> None:
        described = {**read_meta(checkpoints, step), **meta, "metrics": dict(metrics)}
        text = json.dumps(described | {"digest": json_digest(described)})
        write_atomically(checkpoints.folder / str(step) / "meta" / "metadata", text)  # as Orbax's handler of JSON does

    with storage_error(checkpoints.folder):
        on_main(rewrite)
    checkpoints.scores[step] = metrics[checkpoints.selection_metric]
