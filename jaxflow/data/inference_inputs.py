"""New raw data becomes inputs, as a model was trained on them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxflow.console import track
from jaxflow.data.reading.formats import KINDS, find_files, none_found, read_files
from jaxflow.data.reading.npy import read_array
from jaxflow.data.tables.encode import TableEncoding, encode_table
from jaxflow.data.texts.encode import TextEncoding, encode_texts
from jaxflow.errors import UserError, program_name
from jaxflow.schema import Feature


def read_inputs(
    source: Path, feature: Feature, encoding: TableEncoding | TextEncoding | None = None
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
    if isinstance(encoding, TextEncoding):
        if encoding.column is None:
            raise UserError(
                f"{source} is no .npy array of tokens, and a language model goes on with text: "
                f"{program_name()} generate --workdir DIR --prompt TEXT"
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


def _shape(feature: Feature) -> str:
    return ", ".join(map(str, feature.shape))
