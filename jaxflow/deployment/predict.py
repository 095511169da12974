"""Predictions for new data, raw as it comes."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from jaxflow.console import track
from jaxflow.data.batching.padding import padded_batches
from jaxflow.data.dataset import ArraySplit
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.file_io import write_table
from jaxflow.training.trained import read_trained

BATCH_SIZE = 256  # at most


def predict(
    workdir: str | Path,
    source: str | Path,
    output: str | Path | None = None,
    *,
    submission: str | None = None,
    checkpoint: str = "last",
    experiment: Experiment | None = None,
) -> Path:
    """Predicts the targets of new examples and writes them as CSV.

    Args:
      workdir: a trained run.
      source: an .npy or .npz array of the model's input shape, a file of its kind, a folder of such, a table, or texts.
      output: CSV file to write; None for predictions/new/<name of source>.csv in the run folder.
      submission: the class whose probability a Kaggle submission asks for; None where this is none.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: the run's own, where paths or the like differ from its folder's.

    Returns:
      The file written; masks lie beside it, in a folder of its name, PNG files of images and .npy files of volumes. It
      has id and what the problem says of each example, for classes the prediction, its probability and
      that of each class, for numbers the predictions; for a submission id, which is the file's name without its suffix,
      and label, the probability of that class.

    Raises:
      UserError: the source does not hold what the model takes, or there is no such class.
    """
    workdir, source = Path(workdir), Path(source)
    trained = read_trained(workdir, checkpoint, experiment)
    schema = trained.program.schema
    names = schema.target.names if schema.target.kind == "class" else ()
    if submission is not None and submission not in names:
        raise UserError(f"--submission {submission} is no class of this model; it has {', '.join(names) or 'none'}")
    inputs, ids = read_inputs(source, schema.inputs, trained.input_encoding)
    output = Path(output) if output else workdir / "predictions" / "new" / f"{source.stem}.csv"
    step, variables = trained.program.compile_predict_step(), trained.state.variables()
    split = ArraySplit(inputs, np.zeros(len(inputs), np.int32), ids)
    # A power of two: few programs to compile, and a single image does not wait for 255 rows of padding.
    batch_size = min(BATCH_SIZE, 1 << (len(split) - 1).bit_length())
    batches = track(padded_batches(split, batch_size), "predict", -(-len(split) // batch_size))
    predictions = np.concatenate([np.asarray(step(variables, batch["inputs"])) for batch in batches])[: len(split)]
    wrong = np.flatnonzero(~np.isfinite(predictions).reshape(len(predictions), -1).all(-1))  # (example, output)
    if len(wrong):
        raise UserError(f"the model's output for {ids[wrong[0]]} is not finite ({len(wrong)} such); look at its inputs")
    if submission is None:
        table = {"id": ids, **trained.program.experiment.problem.prediction_table(schema, predictions)}
    else:
        table = _submission(ids, predictions[:, names.index(submission)])
    try:
        if schema.target.dense_shape and schema.inputs.kind in ("image", "volume"):
            _write_masks(output.with_suffix(""), ids, predictions)
        write_table(output, table)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}; choose another --output") from error
    return output


def _write_masks(folder: Path, ids: Sequence[str], masks: np.ndarray) -> None:
    """Writes each mask under its input's name, a number of a class for each place."""
    short = [str(PurePosixPath(id_).parent / PurePosixPath(id_).name.partition(".")[0]) for id_ in ids]
    names = short if len(set(short)) == len(ids) else ids  # a.jpg and a.png are two images
    for name, mask in zip(names, masks):
        path = folder / f"{name}{'.png' if mask.ndim == 2 else '.npy'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if mask.ndim == 2:
            Image.fromarray(mask.astype(np.uint8 if mask.dtype == np.int8 else np.int32)).save(path)
        else:
            np.save(path, mask)


def _submission(ids: Sequence[str], probabilities: np.ndarray) -> dict[str, list[str]]:
    """Makes the columns that Kaggle asks for, ids ascending, as numbers where all are."""
    label_of = {PurePosixPath(id_).stem: f"{p:.9g}" for id_, p in zip(ids, probabilities)}
    if len(label_of) < len(ids):
        raise UserError(f"{len(ids)} inputs have only {len(label_of)} names; a submission's ids are file names: rename")
    numbers = all(name.isdecimal() for name in label_of)
    names = sorted(label_of, key=int if numbers else None)
    return {"id": names, "label": [label_of[name] for name in names]}
