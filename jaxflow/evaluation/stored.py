"""What an evaluation stored of a test split, read back: targets, predictions, losses and units, by example."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxflow.errors import UserError, program_name
from jaxflow.evaluation.metrics.scores import Units, units_of


@dataclass(frozen=True)
class Stored:
    """The records of an evaluated split.

    Attributes:
      ids: (examples,) their names.
      units: what was split.
      losses: (examples,) the loss of each.
      weights: (examples,) its weight.
      kind: "class" of one class for each example, "mask" of one for each pixel or voxel, "token" of one for each token,
        "value" of numbers; "other" where losses alone are known.
      names: of the classes, or of the values; a single value has none, "".
      targets: (examples, ...) classes or values.
      predictions: (examples, classes) probabilities, (examples, values), or (examples, ...) answered classes.
      answers: (examples,) the answered class of each example, where it has one.
      log_likelihoods: (examples, ...) of the true class of each position, where each has one.
      answered: whether the answers were stored; earlier versions did not, and the likeliest classes stand for them.
    """

    ids: np.ndarray
    units: Units
    losses: np.ndarray
    weights: np.ndarray
    kind: Literal["class", "mask", "token", "value", "other"] = "other"
    names: tuple[str, ...] = ()
    targets: np.ndarray | None = None
    predictions: np.ndarray | None = None
    answers: np.ndarray | None = None
    log_likelihoods: np.ndarray | None = None
    answered: bool = True

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields what there is of each example, by name."""
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.ndarray):
                yield field.name, value

    def take(self, rows: np.ndarray) -> "Stored":
        """Returns the records of some examples, in that order; their units are numbered anew."""
        units = units_of(self.units.index[rows], self.units.noun)
        return replace(self, units=units, **{name: values[rows] for name, values in self.arrays()})


def pooled(parts: Sequence[Stored]) -> Stored:
    """Returns the records of several splits together, such as those of folds; units of different ones are different."""
    if len(parts) == 1:
        return parts[0]
    firsts = np.cumsum([0, *(part.units.count for part in parts)])
    units = np.concatenate([part.units.index + first for part, first in zip(parts, firsts)])
    arrays = [dict(part.arrays()) for part in parts]
    shared = [name for name in arrays[0] if all(name in each for each in arrays)]
    joined = {name: np.concatenate([each[name] for each in arrays]) for name in shared}
    answered = all(part.answered for part in parts)
    return replace(parts[0], units=Units(units, int(firsts[-1]), parts[0].units.noun), answered=answered, **joined)


def read_stored(workdir: Path, split: str = "test") -> Stored:
    """Reads the records of a run's evaluation.

    Raises:
      UserError: it was not evaluated, or by an earlier version, or a file is damaged.
    """
    with _readable(workdir, split, ("parquet", "npz")) as path:
        return _from_table(path) if path.suffix == ".parquet" else _from_arrays(path)


def read_columns(workdir: Path, names: np.ndarray, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Reads columns of a run's records that are a table, whatever they are of.

    Args:
      workdir: the run folder.
      names: array of any shape, the columns' names.
      split: whose records.

    Returns:
      (examples,) their ids, and (examples, *the shape of `names`).

    Raises:
      UserError: as `read_stored`.
    """
    with _readable(workdir, split, ("parquet",)) as path:
        table = pq.read_table(path, columns=["id", *dict.fromkeys(names.ravel().tolist())])
        columns = [table[name].to_numpy() for name in names.ravel()]
        return table["id"].to_numpy(), np.stack(columns, 1).reshape(-1, *names.shape)


@contextmanager
def _readable(workdir: Path, split: str, endings: Sequence[str]) -> Iterator[Path]:
    """Yields a split's file of records; raises UserError where it is missing, or is not what it should be."""
    there = [path for end in endings if (path := workdir / "predictions" / f"{split}.{end}").exists()]
    if not there:
        raise UserError(f"{workdir} has no predictions of its {split} split; {_again(workdir)}")
    path = there[0]
    try:
        yield path
    except KeyError as error:
        raise UserError(f"{path} is of an earlier version, without {error}; {_again(workdir)}") from error
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged and cannot be read; {_again(workdir)}") from error


def _again(workdir: Path) -> str:
    return f"run {program_name()} evaluate --workdir {workdir}"


def check_finite(stored: Stored, workdir: Path) -> None:
    """Checks that records hold numbers.

    Raises:
      UserError: predictions, losses or weights are not finite.
    """
    for name in ("predictions", "losses", "weights"):
        values = getattr(stored, name)
        bad = None if values is None else ~np.isfinite(values).reshape(len(values), -1).all(1)
        if bad is not None and bad.any():
            raise UserError(
                f"{workdir} has {name} that are not finite, of {int(bad.sum()):,} of {len(bad):,} examples, such as "
                f"{stored.ids[bad.argmax()]}; evaluate a checkpoint that has not diverged"
            )


def _from_table(path: Path) -> Stored:
    table = pq.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    columns = {name: table[name].to_numpy() for name in table.column_names}
    classes = tuple(json.loads(metadata.get("classes", "[]")))
    told = Stored(
        columns["id"],
        units_of(columns["unit"], metadata["noun"]),
        columns["loss"].astype(np.float64),
        columns["weight"].astype(np.float64),
    )
    if classes and all(f"p_{name}" in columns for name in classes):
        probabilities = np.stack([columns[f"p_{name}"] for name in classes], 1)
        answers = columns.get("answer", probabilities.argmax(1))
        known = {"targets": columns["target"], "predictions": probabilities, "answers": answers}
        return replace(told, kind="class", names=classes, answered="answer" in columns, **known)
    return told if classes else _with_values(told, columns)


def _with_values(told: Stored, columns: Mapping[str, np.ndarray]) -> Stored:
    """Returns records with the numbers that were predicted, as far as there are any."""
    ends = [name.removeprefix("prediction") for name in columns if name.startswith("prediction")]
    if not ends or any(f"target{end}" not in columns for end in ends):
        return told
    targets, predictions = (np.stack([columns[f"{kind}{end}"] for end in ends], 1) for kind in ("target", "prediction"))
    if targets.dtype.kind not in "iuf" or predictions.dtype.kind not in "iuf":
        return told
    names = tuple(end.removeprefix("_") for end in ends)
    return replace(told, kind="value", names=names, targets=targets, predictions=predictions)


def _from_arrays(path: Path) -> Stored:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "confidence"}
    targets = arrays["targets"]
    # Texts that are written have no token for each of their frames, and so no likelihood of each.
    kind = "other" if "log_likelihood" not in arrays else "token" if targets.ndim == 2 else "mask"
    return Stored(
        arrays["id"],
        units_of(arrays["unit"], str(arrays["noun"])),
        arrays["loss"].astype(np.float64),
        arrays["weight"].astype(np.float64),
        kind=kind,
        names=tuple(map(str, arrays["classes"])),
        targets=targets,
        predictions=arrays["predictions"],
        log_likelihoods=arrays.get("log_likelihood"),
    )
