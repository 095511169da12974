"""What an evaluation keeps of each example, written block by block: all of a split need not fit into memory.

`test.csv` is for people. `test.parquet` holds targets, distributions, losses and weights at full precision, for whoever
computes statistics of them. Where each pixel or token has a target, `test.npz` takes its place: targets, predictions,
the predictions' confidence and the targets' log-likelihood as arrays, since whole distributions would be as many times
larger as there are classes.
"""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxflow.csv_tables import row_writer, rows_of
from jaxflow.evaluation.metrics.scores import Units, each_example
from jaxflow.file_io import replacing, temporary
from jaxflow.schema import Schema, Target

Block = Mapping[str, np.ndarray]


@contextmanager
def write_records(
    folder: Path,
    name: str,
    schema: Schema,
    ids: list[str],
    table: Callable[[Any, Any, Any], Mapping[str, Any]],
    lines: np.ndarray | None = None,
    units: Units | None = None,
    answer: Callable[[Any], Any] | None = None,
) -> Iterator[Callable[[Block], None]]:
    """Opens the files of a split's records; they replace those of an earlier evaluation when all is written.

    Args:
      folder: where the files go.
      name: of the split.
      schema: what the data holds.
      ids: of the split's examples.
      table: (schema, predictions, targets) -> columns for people, as `problem.prediction_table`.
      lines: (examples,) the line of their file where they begin, for people; None where there is none.
      units: what was split; None for each example by itself.
      answer: probabilities -> the answered class, as `problem.answer`; None for the likeliest.

    Yields:
      A function that writes the rows of the next examples, as `evaluate_split` hands them over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    units, done = units or each_example(len(ids)), 0
    with ExitStack() as files:
        write_row = files.enter_context(_csv_writer(folder / f"{name}.csv"))
        writer = _dense_writer if schema.target.dense_shape else _parquet_writer
        write_arrays = files.enter_context(writer(folder / name, schema.target, ids, units.noun))

        def write(block: Block) -> None:
            nonlocal done
            here = ids[done : done + len(block["targets"])]
            where = {} if lines is None else {"line": lines[done : done + len(here)]}
            columns = {"id": here, **table(schema, block["predictions"], block["targets"]), **where}
            if not done:
                write_row(columns)
            for row in rows_of(columns):
                write_row(row)
            told = {**block, "unit": units.index[done : done + len(here)]}
            if schema.target.kind == "class" and block["predictions"].shape[1:] == (len(schema.target.names),):
                told["answer"] = np.asarray((answer or _likeliest)(block["predictions"]))
            if schema.target.several and answer is not None:
                given = np.asarray(answer(block["predictions"]))
                told |= {"answer": given} if given.shape == block["targets"].shape else {}
            write_arrays(here, told, columns)
            done += len(here)

        yield write


def _likeliest(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.argmax(1)


@contextmanager
def _csv_writer(path: Path) -> Iterator[Callable[[Any], Any]]:
    with replacing(path) as fresh, fresh.open("w", newline="", encoding="utf-8") as file:
        yield row_writer(file)


@contextmanager
def _parquet_writer(
    stem: Path, target: Target, ids: list[str], noun: str
) -> Iterator[Callable[[list[str], Block, Any], None]]:
    """Yields (ids, block, table) -> None, which appends to STEM.parquet.

    Its columns are "id", "target" and for classes "answer" and "p_<name>", for values "prediction" (those of several
    targets end in their names, and several classes have an "answer" too), "loss" and "weight"; where predictions are
    something else, those of the table for people. A class is its index, and the file's metadata "classes" has the
    names. "answer" is what the problem answers, which a threshold may decide. "unit" numbers what was split, which
    "noun" names.
    """
    metadata = {"noun": noun, **({"classes": json.dumps(target.names)} if target.kind == "class" else {})}

    with ExitStack() as opened:
        fresh, file = opened.enter_context(replacing(stem.with_suffix(".parquet"))), None

        def write(here: list[str], block: Block, shown: Block) -> None:
            nonlocal file
            told = {name: block[name] for name in ("loss", "weight", "unit")}
            rows = pa.table({"id": here, **_columns(target, block, shown), **told}, metadata=metadata)
            if file is None:
                file = opened.enter_context(pq.ParquetWriter(fresh, rows.schema))
            file.write_table(rows)

        yield write


def _columns(target: Target, block: Block, shown: Block) -> dict[str, np.ndarray]:
    targets, predictions = block["targets"], block["predictions"]
    if not target.several and predictions.shape[1:] != (len(target.names),):
        return dict(shown)
    if target.kind == "class":
        predictions = predictions.astype(np.float32)
        probabilities = {f"p_{name}": predictions[:, i] for i, name in enumerate(target.names)}
        return {"target": targets, "answer": block["answer"], **probabilities}
    if target.several:
        made = {f"prediction_{i}": values for i, values in enumerate(predictions.reshape(len(predictions), -1).T)}
        known = {"target": targets, "answer": block["answer"]} if "answer" in block else {"target": targets}
        return {
            f"{what}_{name}": part[:, i] for what, part in known.items() for i, name in enumerate(target.names)
        } | made
    ends = [""] if len(target.names) == 1 else [f"_{name}" for name in target.names]
    pairs = (("target", targets), ("prediction", predictions))
    return {f"{name}{end}": values[:, i] for name, values in pairs for i, end in enumerate(ends)}


@contextmanager
def _dense_writer(
    stem: Path, target: Target, ids: list[str], noun: str
) -> Iterator[Callable[[list[str], Block, Any], None]]:
    """Yields (ids, block, table) -> None, which appends to the arrays of STEM.npz.

    They are all that blocks have, the names of examples and classes, "id" and "classes", and the "noun" of a unit.
    """
    folder = temporary(stem)
    arrays: dict[str, np.memmap] = {}
    done = 0

    def write(here: list[str], block: Block, shown: Block) -> None:
        nonlocal done
        for name, values in block.items():
            if name not in arrays:  # an .npz grows by whole arrays: each is a separate file until all are complete
                shape = (len(ids), *values.shape[1:])
                arrays[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", values.dtype, shape)
            arrays[name][done : done + len(here)] = values
        done += len(here)

    try:
        folder.mkdir()
        yield write
        for name, values in (("id", ids), ("classes", target.names), ("noun", noun)):
            np.save(folder / f"{name}.npy", np.array(values))
        for array in arrays.values():
            array.flush()
        with replacing(stem.with_suffix(".npz")) as fresh, zipfile.ZipFile(fresh, "w") as file:
            for path in sorted(folder.iterdir()):
                file.write(path, path.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
