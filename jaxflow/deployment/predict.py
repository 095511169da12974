"""Predictions for new data, raw as it comes."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from jaxflow.console import track
from jaxflow.data.dataset import ArraySplit
from jaxflow.data.reading.formats import KINDS, find_files, none_found, read_files
from jaxflow.data.reading.npy import read_array
from jaxflow.data.sources.labelled_text import encode_texts
from jaxflow.data.tables.encode import encode_table
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.file_io import write_table
from jaxflow.schema import Feature
from jaxflow.training.passes import padded_batches
from jaxflow.training.setup import read_trained

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
    inputs, ids = read_inputs(source, schema.inputs, trained.encoding)
    output = Path(output) if output else workdir / "predictions" / "new" / f"{source.stem}.csv"
    step, variables = trained.program.predict_step(), trained.state.variables()
    split = ArraySplit(inputs, np.zeros(len(inputs), np.int32), ids)
    # A power of two: few programs to compile, and a single image does not wait for 255 rows of padding.
    batch_size = min(BATCH_SIZE, 1 << (len(split) - 1).bit_length())
    batches = track(padded_batches(split, batch_size), "predict", -(-len(split) // batch_size))
    predictions = np.concatenate([np.asarray(step(variables, batch["inputs"])) for batch in batches])[: len(split)]
    wrong = np.flatnonzero(~np.isfinite(predictions).reshape(len(predictions), -1).all(-1))  # (example, output)
    if len(wrong):
        raise UserError(f"the model's output for {ids[wrong[0]]} is not finite ({len(wrong)} such); look at its inputs")
    if submission is None:
        table = {"id": ids, **trained.program.experiment.problem.columns(schema, predictions)}
    else:
        table = _submission(ids, predictions[:, names.index(submission)])
    try:
        if schema.target.over and schema.inputs.kind in ("image", "volume"):
            _write_masks(output.with_suffix(""), ids, predictions)
        write_table(output, table)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}; choose another --output") from error
    return output


def read_inputs(
    source: Path, feature: Feature, encoding: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, Sequence[str]]:
    """Reads examples of the shape that a model takes.

    Args:
      source: an .npy or .npz array, a file of the model's kind (image, volume, audio), a folder of such, a table, or
        texts.
      feature: what the model takes.
      encoding: how rows of a table or texts become that; None where the model was not trained on one.

    Returns:
      (examples, ...) array of the feature's dtype, and an id for each example.

    Raises:
      UserError: the source cannot be read or holds something else.
    """
    if not source.exists():
        raise UserError(f"--input {source} does not exist")
    if source.suffix in (".npy", ".npz"):
        inputs = read_array(source, "inputs")
        if inputs.shape == feature.shape:
            inputs = inputs[None]
        if inputs.shape[1:] != feature.shape or len(inputs) == 0:
            raise UserError(f"{source} has shape {inputs.shape}; the model takes (examples, {_shape(feature)})")
        if inputs.dtype != feature.dtype:
            raise UserError(
                f"{source} holds {inputs.dtype}; the model was trained on {feature.dtype}, in the same units"
            )
        return inputs, [str(index) for index in range(len(inputs))]
    if feature.kind == "tokens" and encoding is not None:
        if "text" not in encoding:
            raise UserError(
                f"{source} is no .npy array of tokens, and a language model goes on with text: launch.py generate "
                "--workdir DIR --prompt TEXT"
            )
        return encode_texts(encoding, source, feature)
    if encoding is not None:
        return encode_table(encoding, source)
    if feature.kind not in KINDS:
        raise UserError(f"{source} is no .npy or .npz file, and the model takes vectors of shape {feature.shape}")
    kind, root, names = KINDS[feature.kind], source.parent, [source.name]
    if source.is_dir():
        root, names = source, find_files(source, kind)
        if not names:
            raise none_found(source, kind)
    inputs = np.empty((len(names), *feature.shape), feature.dtype)
    arrays = read_files([root / name for name in names], feature)
    for row, array in enumerate(track(arrays, f"read {kind.plural}", len(names))):
        if isinstance(array, UserError):
            raise array
        inputs[row] = array
    return inputs, names


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


def _shape(feature: Feature) -> str:
    return ", ".join(map(str, feature.shape))
