"""Reads new raw data as the inputs that a model was trained on, one block after the other."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.checks import explain_tokens, unknown_tokens
from jaxflow.data.folders.measures import report_pages
from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.formats import KINDS, Kind, measure_files, read_files
from jaxflow.data.reading.npy import read_array
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.newest import newest_windows
from jaxflow.data.tables.encode import TableEncoding, encode_table
from jaxflow.data.texts.encode import SentenceEncoding, TextEncoding, encode_sentences, encode_texts
from jaxflow.errors import UserError, perhaps, program_name
from jaxflow.schema import Feature, Features, map_arrays

logger = logging.getLogger("jaxflow")

# Bytes of a block's inputs, at most, unless a single example has more.
BLOCK_BYTES = 1 << 26

# How files of arrays end.
ARRAYS = (".npy", ".npz")

InputEncoding = TableEncoding | TextEncoding | SentenceEncoding | SeriesEncoding
Block = tuple[Any, Sequence[str]]


def read_inputs(
    source: Path,
    feature: Feature,
    encoding: InputEncoding | None = None,
    follow_links: bool = False,
    bad: list[str] | None = None,
    is_mask: Callable[[str], bool] | None = None,
) -> Iterator[Block]:
    """Reads examples of the shape that a model takes, in blocks that fit into memory.

    Args:
      source: an .npy or .npz array, a file of the model's kind (image, volume, audio), a folder of such, a table, or
        texts; an .npz with an array for each input where there are several.
      feature: what the model takes.
      encoding: how rows of a table or texts become that; None where the model was not trained on one.
      follow_links: whether symbolic links in a folder of files are followed.
      bad: gets what is wrong with each file of a folder or row of a table that cannot be read, which is left out; None
        raises it instead.
      is_mask: whether a file of a folder, by its path below it, is no input but a mask; None where there are none.

    Yields:
      (examples, ...) array of the feature's dtype, a dict of such where an example has several inputs, and an id for
      each example.

    Raises:
      UserError: the source cannot be read or holds something else.
    """
    root = files_root(source, feature, encoding)
    rows = rows_of_block(feature)
    if isinstance(feature, Features):
        return _several(source, feature, rows)
    if root:
        if source.is_dir():
            return _files(source, _names(source, KINDS[feature.kind], follow_links, is_mask), feature, rows, bad)
        return _files(source.parent, [source.name], feature, rows, bad)
    if source.suffix in ARRAYS:
        if isinstance(encoding, SeriesEncoding) and encoding.relative != "none":
            raise UserError(f"{source} does not say what its windows are measured from; give the table with their rows")
        return _blocks(_read_array(source, "inputs", feature), rows)
    if isinstance(encoding, TextEncoding):
        if encoding.column is None:
            raise UserError(
                f"{source} is no .npy array of tokens, and a language model goes on with text: "
                f"{program_name()} generate --workdir DIR --prompt TEXT"
            )
        return encode_texts(encoding, source, feature, rows, follow_links, bad)
    if isinstance(encoding, SentenceEncoding):
        return ((inputs, ids) for inputs, ids, _ in encode_sentences(encoding, source, feature, rows, bad))
    if isinstance(encoding, SeriesEncoding):
        windows = newest_windows(encoding, source)
        return _blocks(windows.inputs, rows)
    if encoding is not None:
        return encode_table(encoding, source, bad)
    raise UserError(f"{source} is no .npy or .npz file, and the model takes vectors of shape {feature.shape}")


def rows_of_block(feature: Feature) -> int:
    """Returns how many examples make a block."""
    return max(1, BLOCK_BYTES // max(1, feature.nbytes))


def files_root(source: Path, feature: Feature, encoding: InputEncoding | None = None) -> Path | None:
    """Returns the folder below which the ids of a source's examples are files; None where they are rows.

    Args:
      source: as for `read_inputs`.
      feature: as for `read_inputs`.
      encoding: as for `read_inputs`.

    Raises:
      UserError: there is no such source.
    """
    if str(source) == "-":
        raise UserError("--input - would be standard input, which is not read; name a file that holds it")
    if not source.exists():
        raise UserError(f"--input {source} does not exist{perhaps(source, Path.exists)}")
    if encoding is not None or feature.kind not in KINDS:
        return None
    if source.suffix in (".npy", ".npz") and not (feature.kind == "volume" and _is_volume(source, feature)):
        return None
    return source if source.is_dir() else source.parent


def _is_volume(source: Path, feature: Feature) -> bool:
    """Returns whether an array is one volume of its own size, rather than examples of the model's."""
    shape = read_array(source, "inputs").shape
    return len(shape) in (3, 4) and shape[1:] != feature.shape and shape != feature.shape


def _several(source: Path, feature: Features, rows: int) -> Iterator[Block]:
    names = [name for name, _ in feature.parts]
    if source.suffix != ".npz":
        raise UserError(f"{source} is no .npz file, and the model takes several inputs; save {', '.join(names)} as one")
    inputs = {name: _read_array(source, name, part) for name, part in feature.parts}
    if len({len(array) for array in inputs.values()}) > 1:
        counts = ", ".join(f"{len(array)} of {name}" for name, array in inputs.items())
        raise UserError(f"{source} holds {counts}; give as many of each")
    return _blocks(inputs, rows)


def _blocks(inputs: np.ndarray | dict[str, np.ndarray], rows: int) -> Iterator[Block]:
    count = len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)
    for first in range(0, count, rows):
        last = min(first + rows, count)
        yield map_arrays(lambda leaf, to=slice(first, last): leaf[to], inputs), list(map(str, range(first, last)))


def _read_array(source: Path, name: str, feature: Feature) -> np.ndarray:
    inputs = read_array(source, name)
    if inputs.shape == feature.shape:
        inputs = inputs[None]
    if inputs.shape[1:] != feature.shape or len(inputs) == 0:
        shape = ", ".join(map(str, feature.shape))
        raise UserError(f"{source} has shape {inputs.shape}; the model takes (examples, {shape})")
    if inputs.dtype != feature.dtype:
        raise UserError(f"{source} holds {inputs.dtype}; the model was trained on {feature.dtype}, in the same units")
    if (wrong := unknown_tokens(inputs, feature)).any():
        raise UserError(f"{source}, example {wrong.argmax()} {explain_tokens(inputs[wrong.argmax()], feature)}")
    return inputs


def _names(source: Path, kind: Kind, follow_links: bool, is_mask: Callable[[str], bool] | None) -> Sequence[str]:
    """Returns the files of a folder that are inputs; masks beside them are counted."""
    names = find_files(source, kind, follow_links)
    inputs = [name for name in names if is_mask is None or not is_mask(name)]
    if inputs and len(inputs) < len(names):
        logger.info(f"not used: {len(names) - len(inputs)} {kind.plural} of {source}, which are masks")
    return inputs or names


def _files(root: Path, names: Sequence[str], feature: Feature, rows: int, bad: list[str] | None) -> Iterator[Block]:
    kind = KINDS[feature.kind]
    paths = [root / name for name in names]
    arrays = read_files(paths, feature)
    for first in range(0, len(names), rows):
        block, ids = names[first : first + rows], []
        inputs = np.empty((len(block), *feature.shape), feature.dtype)
        for name, array in zip(block, itertools.islice(arrays, len(block))):
            if not isinstance(array, UserError):
                inputs[len(ids)] = array
                ids.append(name)
            elif bad is None and not name.lower().endswith(kind.suffixes):
                raise UserError(f"{array}; --input takes one of the {kind.plural}, or a folder of them") from array
            elif bad is None:
                raise array
            else:
                bad.append(str(array))
        if ids:
            yield inputs[: len(ids)], ids
    measured = zip(names, measure_files(paths, kind) if feature.kind == "image" else ())
    found = [(name, each) for name, each in measured if not isinstance(each, UserError)]
    if found:
        report_pages(feature, [name for name, _ in found], np.stack([each for _, each in found]), root)
