"""Tables, labelled texts and series that stay on disk are those in memory."""

import dataclasses
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import jaxflow
from jaxflow import Category, Date, HoldOut, LabelledText, Outliers, Series, Table, UserError
from jaxflow.data import table_files
from jaxflow.data.on_disk import StoredSplit
from jaxflow.data.series_split import SeriesSplit
from jaxflow.training.digests import digests
from jaxflow.training.setup import read_trained
from tests.conftest import assert_same_splits

COUNT = 150


def make_table(folder, suffix):
    """Numbers, of which some lie far out or are missing, categories, dates, and rows that are there twice."""
    random = np.random.RandomState(0)
    columns = {
        "size": [None if random.rand() < 0.1 else float(random.standard_t(1)) for _ in range(COUNT)],
        "city": [f"c{number}" for number in random.randint(0, 30, COUNT)],
        "colour": random.choice(["red", "green"], COUNT).tolist(),
        "day": [str(day) for day in np.datetime64("2024-01-01") + random.randint(0, 300, COUNT)],
        "patient": random.randint(0, 40, COUNT).tolist(),
        "price": random.rand(COUNT).tolist(),
    }
    columns = {name: [*values, *values[:5]] for name, values in columns.items()}
    path = folder / f"table.{suffix}"
    if suffix == "parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=40)
    else:
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values())]
        path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return path


def table(folder, suffix="csv", **fields):
    return Table(str(make_table(folder, suffix)), "price", group="patient", duplicates="drop", **fields)


def texts(folder):
    lines = [f'"{"good fine" if i % 2 else "poor"}, {i}",{i % 2 if i % 9 else ""}' for i in range(COUNT)]
    (folder / "texts.csv").write_text("text,label\n" + "\n".join([*lines, '" ",1']) + "\n")
    return LabelledText(str(folder / "texts.csv"), length=12)


def series(folder):
    days = np.datetime64("2020-01-01") + np.delete(np.arange(COUNT), [30, 31])
    lines = [f"{day},{number},{-number if number != 60 else ''}" for number, day in enumerate(days)]
    np.random.RandomState(0).shuffle(lines)
    (folder / "series.csv").write_text("day,up,down\n" + "\n".join(lines) + "\n")
    return Series(str(folder / "series.csv"), time="day", columns=("up", "down"), length=5, horizon=2)


SOURCES = {
    "one-hot": table,
    "parquet": lambda folder: table(folder, "parquet"),
    "encoded": lambda folder: table(
        folder, columns=(Category("city", encode="target"), Category("colour", encode="embed"), Date("day"))
    ),
    "classes": lambda folder: Table(
        str(make_table(folder, "csv")), "colour", id=None, outliers=Outliers(), most_missing=0.5, task="class"
    ),
    "texts": texts,
    "series": series,
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK_ROWS", 32)  # several blocks, and the last of them smaller
    return SOURCES[request.param](tmp_path)


def test_what_stays_on_disk_is_what_would_be_in_memory(source):
    here, there = source.load(), dataclasses.replace(source, in_memory=False).load()
    assert_same_splits(there, here)
    assert (here.schema, here.encoding, here.left_out) == (there.schema, there.encoding, there.left_out)
    assert here.left_out
    for split in there.splits.values():
        assert isinstance(split, StoredSplit | SeriesSplit)
        large = split.inputs if isinstance(split, StoredSplit) else split.values
        assert isinstance(large, np.memmap)
        assert all(type(leaf) is np.ndarray for leaf in split.rows(np.arange(3)).values())
    assert_same_splits(pickle.loads(pickle.dumps(there)), here)  # as to a worker process


def test_a_second_start_reads_the_cache_and_a_changed_file_is_read_anew(source, monkeypatch):
    lazy = dataclasses.replace(source, in_memory=False)
    first = lazy.load()
    with monkeypatch.context() as patch:
        patch.setattr(jaxflow.data.table, "read_table", None)
        patch.setattr(jaxflow.data.series, "read_table", None)
        patch.setattr(jaxflow.data.labelled_text, "read_rows", None)
        assert_same_splits(lazy.load(), first)
    if source.path.endswith("parquet"):
        whole = pyarrow.parquet.read_table(source.path)
        pyarrow.parquet.write_table(whole.slice(1), source.path)
    else:
        lines = Path(source.path).read_text().splitlines()
        Path(source.path).write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    assert_same_splits(lazy.load(), source.load())


def test_a_split_takes_no_more_memory_than_its_targets_and_names_when_it_travels(tmp_path):
    split = table(tmp_path, in_memory=False).load().splits["train"]
    file = io.BytesIO()
    pickle.dump(dataclasses.replace(split, targets=None, ids=None), file)
    assert len(file.getvalue()) < 1000 + 8 * len(split) < split.nbytes


def test_a_cache_that_cannot_be_written_is_said(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"data\.in_memory=False keeps what it reads in .*/file, which cannot be"):
        dataclasses.replace(source, in_memory=False).load()
    assert source.load().splits.keys() == {"train", "validation", "test"}


@pytest.mark.parametrize("line", ["1,2,3", '1,"\xff"'])
def test_a_bad_line_is_named_wherever_it_lies(line, tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "BLOCK_BYTES", 1 << 12)
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 3000 + line.encode("latin1") + b"\n")
    for in_memory in (True, False):
        with pytest.raises(UserError, match=r"a\.csv cannot be read as a table: .*3002|save it as UTF-8"):
            Table(str(path), "b", in_memory=in_memory).load()
    assert not os.path.exists(os.path.join(os.environ["JAXFLOW_CACHE_DIR"], "arrays"))


def test_training_is_the_same_to_the_bit(tmp_path):
    trained = []
    for in_memory in (True, False):
        experiment = jaxflow.Experiment(
            table(tmp_path, split=HoldOut(0.2, 0.2), in_memory=in_memory),
            jaxflow.MLP((8,)),
            jaxflow.Regression(),
            jaxflow.Adam(0.01),
            preprocess=(jaxflow.Standardize(),),
            batch_size=16,
            epochs=2,
        )
        jaxflow.train(experiment, tmp_path / f"run-{in_memory}")
        trained.append(digests(read_trained(tmp_path / f"run-{in_memory}").state))
    assert trained[0] == trained[1]
