"""Predictions for new data, raw as it comes."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from jaxflow.console import track
from jaxflow.data.dataset import ArraySplit, Feature
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.rundir import write_table
from jaxflow.training.passes import padded_batches
from jaxflow.training.setup import read_trained

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
BATCH_SIZE = 256  # at most


def predict(
    workdir: str | Path,
    source: str | Path,
    output: str | Path | None = None,
    *,
    checkpoint: str = "last",
    experiment: Experiment | None = None,
) -> Path:
    """Predicts the targets of new examples and writes them as CSV.

    Args:
      workdir: a trained run.
      source: an .npy or .npz array of the model's input shape, an image, or a folder of images.
      output: CSV file to write; None for predictions/new/<name of source>.csv in the run folder.
      checkpoint: "last", "best" (by validation) or a step.
      experiment: the run's own, where paths or the like differ from its folder's.

    Returns:
      The file written: id and what the problem says of each example, for classes the prediction, its probability and
      that of each class, for numbers the predictions.

    Raises:
      UserError: the source does not hold what the model takes.
    """
    workdir, source = Path(workdir), Path(source)
    trained = read_trained(workdir, checkpoint, experiment)
    schema = trained.program.schema
    inputs, ids = read_inputs(source, schema.inputs)
    output = Path(output) if output else workdir / "predictions" / "new" / f"{source.stem}.csv"
    step, variables = trained.program.predict_step(), trained.state.variables()
    split = ArraySplit(inputs, np.zeros(len(inputs), np.int32), ids)
    # A power of two: few programs to compile, and a single image does not wait for 255 rows of padding.
    batch_size = min(BATCH_SIZE, 1 << (len(split) - 1).bit_length())
    batches = track(padded_batches(split, batch_size), "predict", -(-len(split) // batch_size))
    predictions = np.concatenate([np.asarray(step(variables, batch["inputs"])) for batch in batches])[: len(split)]
    try:
        write_table(output, {"id": ids, **trained.program.experiment.problem.columns(schema, predictions)})
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}; choose another --output") from error
    return output


def read_inputs(source: Path, feature: Feature) -> tuple[np.ndarray, Sequence[str]]:
    """Reads examples of the shape that a model takes.

    Args:
      source: an .npy or .npz array, an image, or a folder of images.
      feature: what the model takes.

    Returns:
      (examples, ...) array of the feature's dtype, and an id for each example.

    Raises:
      UserError: the source cannot be read or holds something else.
    """
    if not source.exists():
        raise UserError(f"--input {source} does not exist")
    if source.suffix in (".npy", ".npz"):
        inputs = _read_array(source)
        if inputs.shape == feature.shape:
            inputs = inputs[None]
        if inputs.shape[1:] != feature.shape or len(inputs) == 0:
            raise UserError(f"{source} has shape {inputs.shape}; the model takes (examples, {_shape(feature)})")
        if inputs.dtype != feature.dtype:
            raise UserError(
                f"{source} holds {inputs.dtype}; the model was trained on {feature.dtype}, in the same units"
            )
        return inputs, [str(index) for index in range(len(inputs))]
    if feature.kind != "image":
        raise UserError(f"{source} is no .npy or .npz file, and the model takes vectors of shape {feature.shape}")
    paths = [source]
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in IMAGES)
        if not paths:
            raise UserError(f"{source} holds no images ({', '.join(sorted(IMAGES))})")
    images = [_read_image(path, feature) for path in track(paths, "read images")]
    root = source if source.is_dir() else source.parent
    return np.stack(images), [str(path.relative_to(root)) for path in paths]


def _read_array(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        names = list(loaded)
        if len(names) != 1 and "inputs" not in names:
            raise UserError(f"{path} holds the arrays {', '.join(names)}; name the one to predict 'inputs'")
        return loaded["inputs" if "inputs" in names else names[0]]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read as a NumPy array: {error}") from error


def _read_image(path: Path, feature: Feature) -> np.ndarray:
    height, width, channels = feature.shape
    try:
        with Image.open(path) as image:
            if image.size != (width, height):
                raise UserError(f"{path} is {image.size[0]}x{image.size[1]} pixels; the model takes {width}x{height}")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                raise UserError(f"{path} has pixels of mode {image.mode}; the model takes 8 bits a channel")
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error
    return pixels.reshape(feature.shape)


def _shape(feature: Feature) -> str:
    return ", ".join(map(str, feature.shape))
