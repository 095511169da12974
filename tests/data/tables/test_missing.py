"""What stands for a missing value is compared by value in the format of its column, in training as in prediction."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxflow import Category, Date, HoldOut, Number, Series, Table, UserError
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.tables.encode import encode_table
from jaxflow.data.tables.missing import null_values
from jaxflow.data.tables.raw.read import read_table
from tests.conftest import joined
from tests.data.sources.test_table import read_back

ROWS = 60
# How a number is written, the cell that stands for -9999 or -1, and that mark.
WRITTEN = {
    "decimal comma": (lambda i: f"{i % 7},{i % 9}", "-9999,0", "-9999"),
    "thousands and decimal comma": (lambda i: f"{1 + i % 7}.{100 + i},5", "-9.999,00", "-9999"),
    "dollars": (lambda i: f"${i % 23}.5", "$-9999", "-9999"),
    "thousands": (lambda i: f"{1 + i % 7},{100 + i}.5", "-9,999", "-9999"),
    "percents": (lambda i: f"{i % 23}%", "-1%", "-1"),
    "an exponent": (lambda i: f"{i}.5", "-9.999e3", "-9999"),
    "brackets": (lambda i: f"{i}.5", "(9999)", "-9999"),
    "dates": (lambda i: f"{1 + i % 28:02d}/{1 + i % 12:02d}/2020", "31/12/1899", "1899-12-31"),
}


def table(path, written, absent, every=6):
    cells = [absent if i % every == 0 else written(i) for i in range(ROWS)]
    path.write_text("x;z;y\n" + "".join(f"{cell};{i * 7 % 11};{'ab'[i % 2]}\n" for i, cell in enumerate(cells)))
    return str(path)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("how", WRITTEN)
def test_marks_go_by_value_in_the_format_of_their_column(how, in_memory, tmp_path, said):
    written, absent, mark = WRITTEN[how]
    thousands = {"thousands": ","}.get(how)
    path = table(tmp_path / "a.csv", written, absent)
    dataset = Table(
        path, "y", missing_also=(mark,), thousands=thousands, split=HoldOut(0, 0), in_memory=in_memory
    ).load()
    assert "x: missing" in dataset.input_encoding.features
    assert "which no cell" not in said()
    # The same cells left empty give the same inputs.
    empty = Table(table(tmp_path / "b.csv", written, ""), "y", thousands=thousands, split=HoldOut(0, 0)).load()
    rows = np.arange(ROWS)
    inputs = np.asarray(dataset.splits["train"].rows(rows)["inputs"])
    np.testing.assert_array_equal(inputs, empty.splits["train"].rows(rows)["inputs"])
    # A new row is read in the format that training found, which it alone would not show.
    (tmp_path / "new.csv").write_text(f"x;z\n{absent};1\n{written(1)};1\n")
    new, _ = joined(encode_table(read_back(dataset.input_encoding), tmp_path / "new.csv"))
    np.testing.assert_array_equal(new[:, dataset.input_encoding.features.index("x: missing")], [1, 0])


@pytest.mark.parametrize("kind", ["csv", "int32", "int64", "float64"])
@pytest.mark.parametrize("mark", ["1900-01-01", "9999-12-31", "1800-01-01", "99991231"])
@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m%d%H%M"])
def test_marks_that_are_dates_go_for_dates_of_digits(kind, mark, form, tmp_path, said):
    days = [datetime(2020, 1 + i % 12, 1 + i % 28, i % 24 if "H" in form else 0) for i in range(ROWS)]
    cells = [int((datetime.fromisoformat(mark) if i % 6 == 0 else day).strftime(form)) for i, day in enumerate(days)]
    if kind == "int32" and "H" in form:
        return
    path = str(tmp_path / ("a.csv" if kind == "csv" else "a.parquet"))
    columns = {"x": cells, "z": [i * 7 % 11 for i in range(ROWS)], "y": ["ab"[i % 2] for i in range(ROWS)]}
    if kind == "csv":
        (tmp_path / "a.csv").write_text(
            "\n".join(["x,z,y", *(",".join(map(str, row)) for row in zip(*columns.values()))])
        )
    else:
        types = pa.schema([("x", kind), ("z", "int64"), ("y", "string")])
        pq.write_table(pa.table(columns, types), path)
    dataset = Table(path, "y", missing_also=(mark,), split=HoldOut(0, 0)).load()
    assert "which no cell" not in said()
    missing = dataset.input_encoding.features.index("x: missing")
    train = np.asarray(dataset.splits["train"].rows(np.arange(ROWS))["inputs"])
    np.testing.assert_array_equal(train[:, missing], np.arange(ROWS) % 6 == 0)
    new, _ = joined(encode_table(read_back(dataset.input_encoding), Path(path)))
    np.testing.assert_array_equal(new, train)


def test_a_mark_alone_in_new_rows_has_the_format_of_training(tmp_path):
    path = table(tmp_path / "a.csv", lambda i: f"{i % 7},{i % 9}", "-9,999")
    encoding = Table(path, "y", missing_also=("-9.999",), split=HoldOut(0, 0)).load().input_encoding
    (tmp_path / "new.csv").write_text("x;z\n-9,999;1\n")
    assert joined(encode_table(encoding, tmp_path / "new.csv"))[0][0, encoding.features.index("x: missing")] == 1
    # In thousands it is another number, and no mark.
    (tmp_path / "b.csv").write_text("x\ty\n" + "".join(f"{1 + i % 9},{100 + i}\ta\n-9,999\tb\n" for i in range(20)))
    raw = null_values(read_table(tmp_path / "b.csv", (), missing_also=("-9.999",)))
    assert not raw.missing("x").any()
    assert null_values(read_table(tmp_path / "b.csv", (), missing_also=("-9999",))).missing("x").sum() == 20


def test_codes_and_categories_are_texts(tmp_path):
    path = table(tmp_path / "a.csv", lambda i: f"{i % 5:03d}", "007", every=2)
    encoding = Table(path, "y", missing_also=("7",), split=HoldOut(0, 0)).load().input_encoding
    assert "x = 007" in encoding.features
    path = table(tmp_path / "b.csv", lambda i: f"${i % 5}", "$7", every=2)
    encoding = (
        Table(path, "y", missing_also=("7",), columns=(Category("x"),), split=HoldOut(0, 0)).load().input_encoding
    )
    assert "x = $7" in encoding.features


@pytest.mark.parametrize("named", [(), (Number("x"),)])
def test_a_mark_that_never_occurs_is_said(named, tmp_path, said):
    path = table(tmp_path / "a.csv", lambda i: f"${i % 23}.5", "$-9999")
    Table(path, "y", columns=named, missing=("-77", ""), missing_also=("-9999", "unknown", "-888")).load()
    assert f"data.missing_also lists '-77', 'unknown', '-888', which no cell of {path} holds" in said()
    Table(path, "y", missing_also=("-9999",)).load()
    assert "which no cell" not in said()


def test_a_date_that_is_named_has_the_format_that_is_named(tmp_path):
    path = table(tmp_path / "a.csv", lambda i: f"{1 + i % 12:02d}/{1 + i % 11:02d}/2020", "01/02/1900")
    columns = (Date("x", format="%d/%m/%Y"),)
    dataset = Table(path, "y", missing_also=("1900-02-01",), columns=columns, split=HoldOut(0, 0)).load()
    assert any("missing" in name for name in dataset.input_encoding.features)


def test_series_have_them_too(tmp_path, said):
    cells = [f"{20 + i % 7},{i % 9}" for i in range(ROWS)]
    cells[30] = "-999,0"
    days = np.datetime64("2020-01-01") + np.arange(ROWS)
    (tmp_path / "a.csv").write_text("day;load\n" + "".join(f"{day};{cell}\n" for day, cell in zip(days, cells)))
    source = Series(str(tmp_path / "a.csv"), "day", ("load",), length=4, missing_also=("-999", "-888"))
    dataset = source.load()
    heard = said()
    assert f"1 rows of {tmp_path / 'a.csv'} lack a value" in heard
    assert "data.missing_also lists '-888', which no cell" in heard
    assert min(split.targets.min() for split in dataset.splits.values()) >= 20
    cells[-1] = "-999,0"
    (tmp_path / "new.csv").write_text("day;load\n" + "".join(f"{day};{cell}\n" for day, cell in zip(days, cells)))
    inputs, _ = joined(read_inputs(tmp_path / "new.csv", dataset.schema.inputs, dataset.input_encoding))
    assert np.min(inputs) >= 20


@pytest.mark.parametrize("field", ["missing", "missing_also"])
@pytest.mark.parametrize("marks", ["-999", (-999,)])
def test_marks_are_a_tuple_of_texts(field, marks, tmp_path):
    path = table(tmp_path / "a.csv", str, "-999")
    with pytest.raises(UserError, match=rf"data\.{field} is .*; it is a tuple of texts, for example \('-999',\)"):
        Table(path, "y", **{field: marks}).load()


@pytest.mark.parametrize("bits", ["float16", "float32", "float64"])
@pytest.mark.parametrize("mark", ["-999.9", "1e20", "-0.1"])
def test_a_number_of_few_bits_is_the_mark_that_it_was_rounded_from(bits, mark, tmp_path):
    with np.errstate(over="ignore"):
        cells = np.where(np.arange(ROWS) % 6 == 0, float(mark), np.arange(ROWS) / 4).astype(bits)
    pq.write_table(pa.table({"x": cells}), tmp_path / "a.parquet")
    raw = read_table(tmp_path / "a.parquet", (), missing_also=(mark, "1e300"))
    held = not (bits == "float16" and mark == "1e20")
    np.testing.assert_array_equal(raw.missing("x"), held & (np.arange(ROWS) % 6 == 0))
    assert raw.marks.found == ({mark} if held else set())


@pytest.mark.parametrize(
    ("written", "absent", "mark"),
    [
        (lambda i: f"{i % 7},5", "-9.999,00", "-9999"),
        (lambda i: f"{i % 7},5", "1.000", "1000"),
        (lambda i: f"{i % 7}.5", "-9,999.00", "-9999"),
        (lambda i: f"{i % 7}.5", "9 999", "9999"),
        (lambda i: f"{i % 7}.5", "$-9,999", "-9999"),
        (lambda i: f"${i % 7}.5", "$-9,999", "-9999"),
        (lambda i: f"{i % 7}.5%", "-9,999%", "-9999"),
        (lambda i: f"{i % 7}.5", "(9,999)", "-9999"),
    ],
)
def test_a_mark_alone_may_have_thousands_or_a_unit(written, absent, mark, tmp_path):
    path = table(tmp_path / "a.csv", written, absent)
    encoding = Table(path, "y", missing_also=(mark,), split=HoldOut(0, 0)).load().input_encoding
    (tmp_path / "new.csv").write_text(f"x;z\n{absent};1\n{written(1)};1\n")
    new, _ = joined(encode_table(read_back(encoding), tmp_path / "new.csv"))
    np.testing.assert_array_equal(new[:, encoding.features.index("x: missing")], [1, 0])
