"""Tables, labelled texts and series that stay on disk are those in memory."""

import dataclasses
import os
import resource
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import jaxflow
from jaxflow import Category, Date, HoldOut, LabelledText, Outliers, Series, Table, UserError
from jaxflow.data.series.split import SeriesSplit
from jaxflow.data.storage.mapped import MappedSplit
from jaxflow.data.tables.encode import encode_table
from jaxflow.data.tables.raw import read
from jaxflow.data.tables.raw import table as raw_table
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.trained import read_trained
from tests.conftest import assert_same_splits, joined, sent_to_a_worker

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
        folder, columns=(Category("city", encode="target"), Category("colour", encode="index"), Date("day"))
    ),
    "classes": lambda folder: Table(
        str(make_table(folder, "csv")), "colour", id=None, outliers=Outliers(), max_missing_fraction=0.5, task="class"
    ),
    "texts": texts,
    "series": series,
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_table, "BLOCK_ROWS", 32)  # several blocks, and the last of them smaller
    return SOURCES[request.param](tmp_path)


def test_what_stays_on_disk_is_what_would_be_in_memory(source):
    here, there = source.load(), dataclasses.replace(source, in_memory=False).load()
    assert_same_splits(there, here)
    assert (here.schema, here.input_encoding, here.excluded) == (there.schema, there.input_encoding, there.excluded)
    assert here.excluded
    for split in there.splits.values():
        assert isinstance(split, MappedSplit | SeriesSplit)
        large = split.inputs if isinstance(split, MappedSplit) else split.series.features
        assert isinstance(large, np.memmap)
        assert all(type(leaf) is np.ndarray for leaf in split.rows(np.arange(3)).values())
    assert_same_splits(sent_to_a_worker(there)[0], here)  # as to a worker process


def test_a_second_start_reads_the_cache_and_a_changed_file_is_read_anew(source, monkeypatch):
    lazy = dataclasses.replace(source, in_memory=False)
    first = lazy.load()
    with monkeypatch.context() as patch:
        patch.setattr(jaxflow.data.sources.table, "read_table", None)
        patch.setattr(jaxflow.data.sources.series, "read_table", None)
        patch.setattr(jaxflow.data.sources.labelled_text, "read_rows", None)
        assert_same_splits(lazy.load(), first)
    if source.path.endswith("parquet"):
        whole = pyarrow.parquet.read_table(source.path)
        pyarrow.parquet.write_table(whole.slice(1), source.path)
    else:
        lines = Path(source.path).read_text().splitlines()
        Path(source.path).write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    assert_same_splits(lazy.load(), source.load())


def test_a_split_that_travels_takes_its_targets_and_numbers_along_and_nothing_else(tmp_path):
    for count in (100, 1000):
        lines = [f"{number},{number % 7},a rather long name of row {number}" for number in range(count)]
        (tmp_path / f"{count}.csv").write_text("\n".join(["x,y,name", *lines]))
        source = Table(str(tmp_path / f"{count}.csv"), "y", task="number", id="name", in_memory=False)
        split = source.load().splits["train"]
        assert sent_to_a_worker(split)[1] < 1500 + (8 + 8) * len(split)
        assert split.id(2) == f"a rather long name of row {int(split.targets.size and split.numbers[2])}"


def test_another_file_of_the_same_name_size_and_time_is_another(tmp_path):
    for folder, offset in (("one", 0), ("two", 5)):
        (tmp_path / folder).mkdir()
        for name, text in {
            "table.csv": "x,y\n" + "".join(f"{i},{(i + offset) % 10}\n" for i in range(100)),
            "series.csv": "t,y\n" + "".join(f"{1900 + i},{(i + offset) % 10}\n" for i in range(100)),
            "texts.csv": "text,label\n" + "".join(f"{i},{(i + offset) % 2}\n" for i in range(100)),
        }.items():
            (tmp_path / folder / name).write_text(text)
            os.utime(tmp_path / folder / name, (1, 1))

    def targets(folder):
        at = str(tmp_path / folder)
        sources = (
            Table(f"{at}/table.csv", "y", task="number", in_memory=False),
            Series(f"{at}/series.csv", time="t", columns=("y",), length=3, in_memory=False),
            LabelledText(f"{at}/texts.csv", length=4, in_memory=False),
        )
        return [source.load().splits["train"].targets for source in sources]

    for one, two in zip(targets("one"), targets("two")):
        assert one.shape != two.shape or (one != two).any()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("encoded", {"columns": (Category("city", encode="onehot"),)}),
        ("encoded", {"split": HoldOut(seed=1)}),
        ("encoded", {"duplicates": "keep"}),
        ("texts", {"length": 8}),
        ("texts", {"tokens": jaxflow.Bytes()}),
        ("series", {"columns": ("down",)}),
        ("series", {"length": 3}),
    ],
)
def test_another_setting_is_another_dataset(name, changed, tmp_path):
    source = dataclasses.replace(SOURCES[name](tmp_path), in_memory=False)
    source.load()
    other = dataclasses.replace(source, **changed)
    assert_same_splits(other.load(), dataclasses.replace(other, in_memory=True).load())


def test_a_full_disk_is_said(source):
    lazy, (soft, hard) = dataclasses.replace(source, in_memory=False), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))  # no file may be larger
    try:
        with pytest.raises(UserError, match=r"takes no more \(File too large\), and data\.in_memory=False keeps there"):
            lazy.load()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_same_splits(lazy.load(), source.load())


def test_a_cache_that_cannot_be_written_is_said(source, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"data\.in_memory=False keeps what it reads in .*/file, which cannot be"):
        dataclasses.replace(source, in_memory=False).load()
    assert source.load().splits.keys() == {"train", "validation", "test"}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1,2,3", r"a\.csv.* line 3002: there are 3 cells in 2 columns"),
        (b'1,"\xff"', r"a\.csv cannot be read as a table: .*invalid UTF8 data; save it as UTF-8"),
        (b"x,2", r"column a holds \d+ numbers and 1 other values, first 'x' in line 3002"),
    ],
)
def test_a_bad_line_is_named_wherever_it_lies(line, message, in_memory, tmp_path, monkeypatch):
    monkeypatch.setattr(read, "BLOCK_BYTES", 1 << 12)
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 3000 + line + b"\n")
    with pytest.raises(UserError, match=message):
        Table(str(path), "b", task="number", split=HoldOut(0.01, 0.01, seed=3), in_memory=in_memory).load()
    assert not os.path.exists(os.path.join(os.environ["JAXFLOW_CACHE_DIR"], "arrays"))


def test_a_bad_cell_of_new_rows_is_named_past_the_first_block(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_table, "BLOCK_ROWS", 32)
    lines = [f"{day},{number}" for number, day in enumerate(np.datetime64("2020-01-01") + np.arange(100))]
    for name in ("good", "bad"):
        (tmp_path / f"{name}.csv").write_text("day,x\n" + "\n".join(lines) + "\n")
        lines[70] = "2020-03-11,five"
    encoding = Table(str(tmp_path / "good.csv"), "day", task="class", split=HoldOut(0, 0)).load().input_encoding
    with pytest.raises(UserError, match="column x holds numbers, but 'five' in line 72"):
        joined(encode_table(encoding, tmp_path / "bad.csv"))
    with pytest.raises(UserError, match="column x holds numbers, but 'five' in line 72"):
        Series(str(tmp_path / "bad.csv"), time="day", columns=("x",)).load()


@pytest.mark.parametrize("in_memory", [True, False])
def test_types_of_parquet_are_read_as_what_they_hold(in_memory, tmp_path):
    count = 60
    moments = np.datetime64("2024-01-01T10:00:00.000000005", "ns") + np.arange(count) * np.timedelta64(1, "D")
    texts = [f"t{number % 3}" for number in range(count)]
    table = pyarrow.table(
        {
            "nanoseconds": pyarrow.array(moments),
            "zoned": pyarrow.array(moments).cast(pyarrow.timestamp("ns", "Asia/Tokyo")),
            "large": pyarrow.array(texts, pyarrow.large_string()),
            "nested": pyarrow.array([[text] for text in texts]),
            "nothing": pyarrow.nulls(count),
            "small": pyarrow.array(np.arange(count, dtype=np.uint8)),
            "yes": pyarrow.array([number % 2 == 0 for number in range(count)]),
            "y": np.arange(count) / 7,
        }
    )
    coded = [
        pyarrow.table({"coded": pyarrow.array(part).dictionary_encode()}) for part in (["b", "a"] * 15, ["c", "b"] * 15)
    ]
    table = table.append_column(
        "coded", pyarrow.concat_tables(coded).column(0)
    )  # each part has a dictionary of its own
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=30)
    dataset = Table(str(tmp_path / "a.parquet"), "y", split=HoldOut(0, 0.2), in_memory=in_memory).load()
    kinds = {encoder.name: encoder.kind for encoder in dataset.input_encoding.columns}
    assert kinds == {
        "nanoseconds": "date", "zoned": "date", "large": "onehot", "nested": "onehot", "small": "number",
        "yes": "number", "coded": "onehot",
    }  # fmt: skip
    features = dataset.input_encoding.features
    rows, split = dataset.splits["train"].rows(np.arange(5))["inputs"], dataset.splits["train"]
    for row, target in zip(rows, split.targets[:5, 0]):
        number = round(float(target) * 7)
        assert row[features.index(f"large = t{number % 3}")] == row[features.index(f"nested = ['t{number % 3}']")] == 1
        assert row[features.index(f"coded = {'ba'[number % 2] if number < 30 else 'cb'[number % 2]}")] == 1
        assert row[features.index("nanoseconds")] == row[features.index("zoned")]  # both in universal time


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
        trained.append(checksums(read_trained(tmp_path / f"run-{in_memory}").state))
    assert trained[0] == trained[1]
