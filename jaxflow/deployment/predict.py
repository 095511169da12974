"""Predictions for new data, raw as it comes."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from jaxflow.console import track
from jaxflow.csv_tables import write_table
from jaxflow.data.inference_inputs import ARRAYS, files_root
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.texts.encode import SentenceEncoding
from jaxflow.deployment.forecast import forecast
from jaxflow.deployment.masks import masks_written, without_padding
from jaxflow.deployment.outputs import Block, write_predictions, write_submission
from jaxflow.deployment.predictor import Predictor
from jaxflow.deployment.sentence import sentence
from jaxflow.deployment.tags import as_sentence, tag_sentences
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
    checkpoint: str | None = None,
    experiment: "Experiment | None" = None,
) -> Path:
    """Predicts the targets of new examples and writes them as CSV.

    Args:
      workdir: a trained run.
      source: an .npy or .npz array of the model's input shape, a file of its kind, a folder of such, a table, or texts.
      output: CSV file to write; None for predictions/new/<name of source>.csv in the run folder.
      submission: the class or label whose probability a Kaggle submission asks for; None where this is none.
      bad: what is done about an example that cannot be read or predicted: stop raises an error that names it, skip
        leaves it out and counts it.
      checkpoint: "last", "best" (by validation) or a step; None for the last, of a run with early stopping the best.
      experiment: stands in for the run's, where paths or the like differ from its folder's.

    Returns:
      The file written; masks lie beside it, in a folder of its name and in the size of the file that each belongs to:
      PNG files of images, NIfTI files of scans with their affine, and .npy files of other volumes. It has an id and the
      problem's columns for each example: for classes the prediction, its probability and that of each class, for
      regression the predicted values; for a submission id, which is the file's name without its suffix, and label, the
      probability of that class. For a table of series it has a row for each step after the newest rows of each series,
      with its time; for sentences a row for each token, with the token and its tag.

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
      submission: the class or label whose probability a Kaggle submission asks for; None where this is none.
      bad: as for `predict`.

    Raises:
      UserError: the source does not hold what the model takes, there is no such class, or the output cannot be written.
    """
    if bad not in ("stop", "skip"):
        raise UserError(f"--bad is {bad!r}; it is stop or skip")
    schema = predictor.schema
    names = schema.target.names if schema.target.kind in ("class", "labels") else ()
    require_regular(source)
    gives_masks = schema.target.dense_shape and schema.inputs.kind in ("image", "volume")
    masks = output.with_suffix("")  # where they lie
    if gives_masks and (masks == output or masks.is_file()):
        raise UserError(f"masks lie in a folder beside --output {output}: {masks}; choose another, or {masks}-1.csv")
    if submission is not None and submission not in names:
        raise UserError(
            f"--submission {submission} is no class or label of this model; it has {', '.join(names) or 'none'}"
        )
    if submission is not None and schema.target.dense_shape:
        raise UserError(f"--submission {submission}: this model has many answers for each input; leave it out")
    if isinstance(predictor.encoding, SeriesEncoding) and source.suffix.lower() not in ARRAYS:
        with storage_error(output, "choose another --output"):
            write_table(output, [forecast(predictor, predictor.encoding, source)])
        return
    skipped: list[str] | None = [] if bad == "skip" else None
    if isinstance(predictor.encoding, SentenceEncoding) and source.suffix.lower() not in ARRAYS:
        _write_tags(predictor, predictor.encoding, source, output, skipped)
        _report_skipped(skipped)
        return
    first: list[Block] = []
    blocks, root = predictor.predict_source(source, skipped), files_root(source, schema.inputs, predictor.encoding)
    if root and schema.target.dense_shape and schema.inputs.kind == "volume":
        blocks = without_padding(blocks, schema.inputs, root)
    blocks = track(_noted(blocks, first), "predict")
    with storage_error(output, "choose another --output"), ExitStack() as files:
        if gives_masks:
            blocks = files.enter_context(masks_written(masks, blocks, schema.inputs, root))
        if submission is not None:
            write_submission(output, _probabilities(blocks, names, submission))
        else:
            write_predictions(output, predictor, blocks)
    _report_skipped(skipped)
    if first and submission is None:
        logger.info(sentence(first[0][0][0], predictor.table(schema, first[0][1])))


def _write_tags(
    predictor: Predictor, encoding: SentenceEncoding, source: Path, output: Path, skipped: list[str] | None
) -> None:
    """Writes a row for each token of new sentences; those of a single sentence are logged."""
    files_root(source, predictor.schema.inputs, encoding)  # raises for a source that is not there
    blocks = tag_sentences(predictor, encoding, source, skipped)
    first = next(blocks)
    with storage_error(output, "choose another --output"):
        write_table(output, track(itertools.chain([first], blocks), "predict"))
    if len(set(first["id"])) == 1:
        logger.info(as_sentence(first))


def _probabilities(blocks: Iterable[Block], names: Sequence[str], name: str) -> Iterator[Block]:
    """Yields the ids of blocks and the probability of one class, (examples,); raises UserError if there is no such."""
    for ids, rows in blocks:
        if rows.shape[1:] != (len(names),):
            raise UserError(
                f"--submission {name} asks for the probability of a class, one for each input, and this model answers "
                "something else; leave --submission out"
            )
        yield ids, rows[:, names.index(name)]


def _report_skipped(skipped: list[str] | None) -> None:
    """Logs how many examples were left out."""
    if skipped:
        logger.warning(f"left out {len(skipped)} examples that cannot be predicted, the first: {skipped[0]}")


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
