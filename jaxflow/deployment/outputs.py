"""Predictions as files: tables, masks, and Kaggle's submissions. Nothing is left of one that is not complete."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from jaxflow.csv_tables import write_table
from jaxflow.deployment.predictor import Predictor
from jaxflow.errors import UserError
from jaxflow.file_io import temporary

# The ids of some examples, and their predictions.
Block = tuple[Sequence[str], np.ndarray]


def write_predictions(path: Path, predictor: Predictor, blocks: Iterable[Block]) -> None:
    """Writes a CSV file with an id and the predictor's columns for each example, one block after the other."""
    write_table(path, ({"id": ids, **predictor.table(predictor.schema, rows)} for ids, rows in blocks))


@contextmanager
def masks_written(folder: Path, blocks: Iterable[Block]) -> Iterator[Iterator[Block]]:
    """Writes masks as files while they pass by: PNG for images and .npy for volumes, class indices as pixels.

    Args:
      folder: where they lie when the context ends without an error, each under its input's name.
      blocks: their ids and masks, (examples, *spatial).

    Yields:
      The same blocks, for who else needs them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, ids = temporary(folder), []

    def write() -> Iterator[Block]:
        for names, masks in blocks:
            fresh.mkdir(parents=True, exist_ok=True)
            for number, mask in enumerate(masks, len(ids)):
                if mask.ndim == 2:
                    pixels = mask.astype(np.uint8 if mask.dtype == np.int8 else np.int32)
                    Image.fromarray(pixels).save(fresh / f"{number}.png")
                else:
                    np.save(fresh / f"{number}.npy", mask)
            ids.extend(names)
            yield names, masks

    try:
        yield write()
        short = [str(PurePosixPath(id_).parent / PurePosixPath(id_).name.partition(".")[0]) for id_ in ids]
        names = short if len(set(short)) == len(ids) else ids  # a.jpg and a.png are two images
        for file in fresh.iterdir():
            path = folder / f"{names[int(file.stem)]}{file.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_submission(path: Path, probabilities: Iterable[Block]) -> None:
    """Writes the CSV file that Kaggle asks for: id, which is the input's name without suffix, ascending, and label.

    A machine compares the ids: they are written as they are.

    Args:
      path: the file.
      probabilities: the examples' ids, and the (examples,) probabilities of the class that is asked for.

    Raises:
      UserError: two inputs have one name.
    """
    count, label_of = 0, {}
    for ids, values in probabilities:
        count += len(ids)
        label_of |= {PurePosixPath(id_).stem: f"{p:.9g}" for id_, p in zip(ids, values)}
    if len(label_of) < count:
        raise UserError(f"{count} inputs have only {len(label_of)} names; a submission's ids are file names: rename")
    numbers = all(name.isdecimal() for name in label_of)
    names = sorted(label_of, key=int if numbers else None)
    write_table(path, [{"id": names, "label": [label_of[name] for name in names]}], quoted=False)
