"""Predictions for new data, raw as it comes."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from jaxflow.console import track
from jaxflow.csv_tables import write_table
from jaxflow.data.inference_inputs import ARRAYS, files_root
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.deployment.forecast import forecast
from jaxflow.deployment.masks import masks_written, without_padding
from jaxflow.deployment.outputs import Block, write_predictions, write_submission
from jaxflow.deployment.predictor import Predictor
from jaxflow.deployment.sentence import sentence
from jaxflow.errors import UserError
from jaxflow.file_io import storage_error
from jaxflow.runtime.regular_files import require_regular

if TYPE_CHECKING:
    from jaxflow.experiment import Experiment

logger = logging.getLogger("jaxflow")


def predict(
    workdir: str | Path,
    source: str | Path,
    output: str | Path | None = None,
    *,
    submission: str | None = None,
    bad: Literal["stop", "skip"] = "stop",
    checkpoint: str = "last",
    experiment: "Experiment | None" = None,
) -> Path:
    """Predicts the targets of new examples and writes them as CSV.

    Args:
      workdir: a trained run.
      source: an .npy or .npz array of the model's input shape, a file of its kind, a folder of such, a table, or texts.
      output: CSV file to write; None for predictions/new/<name of source>.csv in the run folder.
      submission: the class whose probability a Kaggle submission asks for; None where this is none.
      bad: what is done about an example that cannot be read or predicted: stop raises an error that names it, skip
        leaves it out and counts it.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: stands in for the run's, where paths or the like differ from its folder's.

    Returns:
      The file written; masks lie beside it, in a folder of its name and in the size of the file that each belongs to:
      PNG files of images, NIfTI files of scans with their affine, and .npy files of other volumes. It has an id and the
      problem's columns for each example: for classes the prediction, its probability and that of each class, for
      regression the predicted values; for a submission id, which is the file's name without its suffix, and label, the
      probability of that class. For a table of series it has a row for each step after the newest rows of each series,
      with its time.

    Raises:
      UserError: the source does not hold what the model takes, or there is no such class.
    """
    from jaxflow.deployment.from_run import read_predictor  # here alone Flax is needed: other predictors have no run

    workdir, source = Path(workdir), Path(source)
    with storage_error(workdir):
        predictor = read_predictor(workdir, checkpoint, experiment)
    output = Path(output) if output else workdir / "predictions" / "new" / f"{source.stem}.csv"
    predict_with(predictor, source, output, submission, bad)
    return output


def predict_with(
    predictor: Predictor,
    source: Path,
    output: Path,
    submission: str | None = None,
    bad: Literal["stop", "skip"] = "stop",
) -> None:
    """Predicts the targets of new examples and writes them, as `predict` does; one block is in memory at a time.

    The answer for a single example is logged in words, and how many were left out.

    Args:
      predictor: the model.
      source: new examples.
      output: CSV file to write.
      submission: the class whose probability a Kaggle submission asks for; None where this is none.
      bad: as for `predict`.

    Raises:
      UserError: the source does not hold what the model takes, there is no such class, or the output cannot be written.
    """
    if bad not in ("stop", "skip"):
        raise UserError(f"--bad is {bad!r}; it is stop or skip")
    schema = predictor.schema
    names = schema.target.names if schema.target.kind == "class" else ()
    require_regular(source)
    gives_masks = schema.target.dense_shape and schema.inputs.kind in ("image", "volume") and submission is None
    masks = output.with_suffix("")  # where they lie
    if gives_masks and (masks == output or masks.is_file()):
        raise UserError(f"masks lie in a folder beside --output {output}: {masks}; choose another, or {masks}-1.csv")
    if submission is not None and submission not in names:
        raise UserError(f"--submission {submission} is no class of this model; it has {', '.join(names) or 'none'}")
    if isinstance(predictor.encoding, SeriesEncoding) and source.suffix.lower() not in ARRAYS:
        with storage_error(output, "choose another --output"):
            write_table(output, [forecast(predictor, predictor.encoding, source)])
        return
    skipped: list[str] | None = [] if bad == "skip" else None
    first: list[Block] = []
    blocks, root = predictor.predict_source(source, skipped), files_root(source, schema.inputs, predictor.encoding)
    if root and schema.target.dense_shape and schema.inputs.kind == "volume":
        blocks = without_padding(blocks, schema.inputs, root)
    blocks = track(_noted(blocks, first), "predict")
    with storage_error(output, "choose another --output"), ExitStack() as files:
        if gives_masks:
            blocks = files.enter_context(masks_written(masks, blocks, schema.inputs, root))
        if submission is not None:
            write_submission(output, ((ids, rows[:, names.index(submission)]) for ids, rows in blocks))
        else:
            write_predictions(output, predictor, blocks)
    if skipped:
        logger.warning(f"left out {len(skipped)} examples that cannot be predicted, the first: {skipped[0]}")
    if first and submission is None:
        logger.info(sentence(first[0][0][0], predictor.table(schema, first[0][1])))


def _noted(blocks: Iterator[Block], first: list[Block]) -> Iterator[Block]:
    """Yields blocks; at the end `first` holds the only example where there is no other, and else nothing."""
    count = 0
    for ids, predictions in blocks:
        if count == 0 and len(ids) == 1:
            first.append((ids, np.asarray(predictions)))
        elif count + len(ids) > 1:
            first.clear()
        count += len(ids)
        yield ids, predictions
