"""What is stored of a run's explanations, in predictions/explanations.npz: a report is drawn again without a model."""

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.errors import UserError, program_name
from jaxflow.file_io import replacing

FILE = "explanations.npz"


@dataclass(frozen=True)
class Maps:
    """What each part of a few examples' inputs adds to the number that is explained.

    Attributes:
      indices: (examples,) of the test split.
      values: (examples, ...) float32: (height, width) of an image or of a volume's middle slice, (frame, band) of a
        spectrogram, (bin,) of a waveform, (time,) of tokens, (row, column) of a window, (column,) of a table's row.
      said: of each example the answer, and what is true.
      method: how they were computed: "integrated gradients", "gradient times embedding", "occlusion", "column effects".
      explained: which number they add up to, in words.
      sums: (examples, 2) the sum of an example's values, and what they should add up to; NaN where there is none.
      shown: (examples, frame, band) the model's spectrograms; empty of other inputs.
      columns: of a table's rows and of windows, their names.
    """

    indices: np.ndarray
    values: np.ndarray
    said: tuple[tuple[str, str], ...]
    method: str
    explained: str
    sums: np.ndarray
    shown: np.ndarray
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Importance:
    """What permuting each column costs.

    Attributes:
      columns: their names.
      metric: what rises: "error rate", "rmse", "loss".
      rises: (columns, 3) float64: the rise, and where its interval begins and ends; NaN where there is none.
      loss_rises: (columns, 3) likewise, of the loss.
      before: the metric with nothing permuted.
      repeats: permutations of each column.
      rows: examples that were permuted.
      units: what the intervals resample, in words: "891 examples".
    """

    columns: tuple[str, ...]
    metric: str
    rises: np.ndarray
    loss_rises: np.ndarray
    before: float
    repeats: int
    rows: int
    units: str


@dataclass(frozen=True)
class Attention:
    """Attention weights of one example.

    Attributes:
      index: of the test split.
      layers: number of each layer, from 1.
      heads: number of each head, from 1.
      positions: how many the model attends to; the first of them are stored.
      weights: (layers, heads, query, key) float32; of an image, which has a grid, (layers, heads, row, column): how
        much attention each patch gets.
      getting: of an image, whose attention that is: "the class token" or "all patches"; "" of others.
    """

    index: int
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    positions: int
    weights: np.ndarray
    getting: str = ""


@dataclass(frozen=True)
class Plane:
    """What a model of two numbers answers over the plane.

    Attributes:
      names: of the two numbers, in whose units the axes are.
      across: (columns,) values of the first one.
      up: (rows,) values of the second one.
      answers: (rows, columns) predicted class, or value of the first target.
      strength: (rows, columns) probability of that class; of values empty.
      points: (points, 2) examples of the test split.
      targets: (points,) their class or value.
      hidden: (rows, columns, units) float32 what some hidden units answer, on every second point of the grid.
      layers: of each of these units its layer, from 1.
      widths: how many units each layer has.
    """

    names: tuple[str, str]
    across: np.ndarray
    up: np.ndarray
    answers: np.ndarray
    strength: np.ndarray
    points: np.ndarray
    targets: np.ndarray
    hidden: np.ndarray
    layers: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Explanations:
    """All that is explained of a run; None where the kind of its inputs has no such thing.

    Attributes:
      notes: sentences: what could not be explained, and why.
      step: of the checkpoint.
    """

    notes: tuple[str, ...] = ()
    step: int = 0
    maps: Maps | None = None
    importance: Importance | None = None
    attention: Attention | None = None
    plane: Plane | None = None


PARTS: dict[str, type[Any]] = {"maps": Maps, "importance": Importance, "attention": Attention, "plane": Plane}


def write_explanations(workdir: Path, explanations: Explanations) -> None:
    """Writes predictions/explanations.npz, in place of that of an earlier evaluation."""
    about: dict[str, Any] = {"notes": explanations.notes, "step": explanations.step}
    arrays: dict[str, Any] = {}
    for name in PARTS:
        if (part := getattr(explanations, name)) is not None:
            fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
            arrays |= {f"{name}.{key}": each for key, each in fields.items() if isinstance(each, np.ndarray)}
            about[name] = {key: each for key, each in fields.items() if not isinstance(each, np.ndarray)}
    with replacing(workdir / "predictions" / FILE) as fresh, fresh.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)


def read_explanations(workdir: Path) -> Explanations | None:
    """Reads what is explained of a run; None where an earlier version evaluated it.

    Raises:
      UserError: the file is damaged.
    """
    path = workdir / "predictions" / FILE
    if not path.exists():
        return None
    try:
        with path.open("rb") as opened, np.load(opened) as file:  # where it is damaged, NumPy leaves it open
            about, arrays = json.loads(str(file["about"])), {name: file[name] for name in file.files if "." in name}
        parts: dict[str, Any] = {}
        for name, kind in PARTS.items():
            if name in about:
                found = {key.partition(".")[2]: each for key, each in arrays.items() if key.startswith(f"{name}.")}
                parts[name] = kind(**{key: _as_tuple(value) for key, value in about[name].items()}, **found)
        return Explanations(_as_tuple(about["notes"]), int(about["step"]), **parts)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        again = f"{program_name()} evaluate --workdir {workdir}"
        raise UserError(f"{path} cannot be read ({error}); {again} writes it anew") from error


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
