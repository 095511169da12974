"""Predictions for new data, raw as it comes."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxflow.console import track
from jaxflow.deployment.outputs import masks_written, write_predictions, write_submission
from jaxflow.deployment.predictor import Predictor
from jaxflow.errors import UserError
from jaxflow.file_io import storage_error
from jaxflow.runtime.regular_files import require_regular

if TYPE_CHECKING:
    from jaxflow.experiment import Experiment


def predict(
    workdir: str | Path,
    source: str | Path,
    output: str | Path | None = None,
    *,
    submission: str | None = None,
    checkpoint: str = "last",
    experiment: "Experiment | None" = None,
) -> Path:
    """Predicts the targets of new examples and writes them as CSV.

    Args:
      workdir: a trained run.
      source: an .npy or .npz array of the model's input shape, a file of its kind, a folder of such, a table, or texts.
      output: CSV file to write; None for predictions/new/<name of source>.csv in the run folder.
      submission: the class whose probability a Kaggle submission asks for; None where this is none.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: stands in for the run's, where paths or the like differ from its folder's.

    Returns:
      The file written; masks lie beside it, in a folder of its name, PNG files of images and .npy files of volumes. It
      has an id and the problem's columns for each example: for classes the prediction, its probability and that of each
      class, for regression the predicted values; for a submission id, which is the file's name without its suffix, and
      label, the probability of that class.

    Raises:
      UserError: the source does not hold what the model takes, or there is no such class.
    """
    from jaxflow.deployment.from_run import read_predictor  # here alone Flax is needed: other predictors have no run

    workdir, source = Path(workdir), Path(source)
    with storage_error(workdir):
        predictor = read_predictor(workdir, checkpoint, experiment)
    output = Path(output) if output else workdir / "predictions" / "new" / f"{source.stem}.csv"
    predict_with(predictor, source, output, submission)
    return output


def predict_with(predictor: Predictor, source: Path, output: Path, submission: str | None = None) -> None:
    """Predicts the targets of new examples and writes them, as `predict` does; one block is in memory at a time.

    Args:
      predictor: the model.
      source: new examples.
      output: CSV file to write.
      submission: the class whose probability a Kaggle submission asks for; None where this is none.

    Raises:
      UserError: the source does not hold what the model takes, there is no such class, or the output cannot be written.
    """
    schema = predictor.schema
    names = schema.target.names if schema.target.kind == "class" else ()
    require_regular(source)
    masks = output.with_suffix("")  # where they lie, if the model gives any
    if schema.target.dense_shape and submission is None and (masks == output or masks.is_file()):
        raise UserError(f"masks lie in a folder beside --output {output}: {masks}; choose another, or {masks}-1.csv")
    if submission is not None and submission not in names:
        raise UserError(f"--submission {submission} is no class of this model; it has {', '.join(names) or 'none'}")
    blocks = track(predictor.predict_source(source), "predict")
    with storage_error(output, "choose another --output"):
        if submission is not None:
            write_submission(output, ((ids, rows[:, names.index(submission)]) for ids, rows in blocks))
        elif schema.target.dense_shape and schema.inputs.kind in ("image", "volume"):
            with masks_written(output.with_suffix(""), blocks) as passed:
                write_predictions(output, predictor, passed)
        else:
            write_predictions(output, predictor, blocks)
