"""Predictions as tables, and as Kaggle's submissions. Nothing is left of one that is not complete."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from jaxflow.csv_tables import write_table
from jaxflow.deployment.predictor import Predictor
from jaxflow.errors import UserError

# The ids of some examples, and their predictions.
Block = tuple[Sequence[str], np.ndarray]


def write_predictions(path: Path, predictor: Predictor, blocks: Iterable[Block]) -> None:
    """Writes a CSV file with an id and the predictor's columns for each example, one block after the other."""
    write_table(path, ({"id": ids, **predictor.table(predictor.schema, rows)} for ids, rows in blocks))


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
