"""Text files in any encoding, compressed or not; files that are no text are named."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow
import pyarrow.feather
import pytest

from jaxflow import HoldOut, LabelledText, Table, Text, UserError
from jaxflow.data.inference_inputs import read_inputs
from tests.conftest import assert_same_splits, joined

ROWS = "größe,farbe,y\n" + "".join(f"{i * 7 % 60}.5,{['rot', 'grün', 'blau'][i % 3]},{i * 7 % 2}\n" for i in range(60))
COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: pyarrow.compress(content, "zstd", asbytes=True),
}


def load(path, **fields):
    return Table(str(path), "y", split=HoldOut(0.1, 0.2), **fields).load()


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "plain.csv").write_text(ROWS, encoding="utf-8")
    return load(tmp_path / "plain.csv")


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("named", [True, False], ids=["by its suffix", "under another name"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_compressed_tables_are_what_they_hold(suffix, named, in_memory, plain, tmp_path):
    path = tmp_path / (f"rows.csv.{suffix}" if named else "rows.csv")
    path.write_bytes(COMPRESS[suffix](ROWS.encode()))
    found = load(path, in_memory=in_memory)
    assert_same_splits(found, plain)
    new, _ = joined(read_inputs(path, found.schema.inputs, found.input_encoding))
    assert len(new) == 60


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_is_found(encoding, plain, tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS, encoding=encoding)
    found = load(tmp_path / "rows.csv")
    assert_same_splits(found, plain)
    assert found.input_encoding.features == plain.input_encoding.features


def test_an_encoding_may_be_named_and_is_asked_for(plain, tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS, encoding="cp1252")
    with pytest.raises(UserError, match=r"line 1: byte 0xf6 is .*save it as UTF-8, or name its encoding.*'cp1252'"):
        load(tmp_path / "rows.csv")
    found = load(tmp_path / "rows.csv", encoding="cp1252")
    assert_same_splits(found, plain)
    assert len(joined(read_inputs(tmp_path / "rows.csv", found.schema.inputs, found.input_encoding))[0]) == 60
    with pytest.raises(UserError, match=r"data\.encoding is 'cp9999', which is no encoding"):
        Table("a.csv", "y", encoding="cp9999")


def test_texts_are_read_alike(tmp_path):
    lines = "text;label\n" + "".join(f"süß {i};{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "a.csv").write_text(lines, encoding="utf-8")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(lines.encode("utf-16")))
    one, other = (
        LabelledText(str(tmp_path / name), length=8, split=HoldOut(0, 0.2)).load() for name in ("a.csv", "b.csv.gz")
    )
    assert_same_splits(one, other)
    assert one.splits["train"].lines.tolist() == other.splits["train"].lines.tolist()
    (tmp_path / "c.txt.xz").write_bytes(lzma.compress(("süßer Text " * 200).encode()))
    text = Text(str(tmp_path / "c.txt.xz"), length=8).load()
    assert "ß" in text.schema.target.names


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK\x03\x04" + bytes(40), "is a workbook of a spreadsheet; save the sheet as CSV UTF-8"),
        ("a.csv", b"PK\x03\x04" + bytes(40), "is a zip archive; unpack it"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(40), "is a workbook"),
        ("a.csv", b"PAR1" + bytes(40), "is a Parquet file; rename it"),
        ("a.csv", b"SQLite format 3\0" + bytes(40), "is a SQLite database; export"),
        ("a.csv", b"<!DOCTYPE html>\n<html>", "is a page of the web"),
        ("a.csv.gz", gzip.compress(ROWS.encode())[:15], "cannot be read as a table: Compressed file ended before"),
        ("a.csv.xz", lzma.compress(ROWS.encode())[:40], "cannot be read as a table: Compressed file ended before"),
        ("a.csv.gz", gzip.compress(b""), "cannot be read as a table: Empty CSV file"),
        ("a.csv.gz", gzip.compress(ROWS.encode())[:-30], "cannot be read as a table: Compressed file ended before"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_table_is_named(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(tmp_path / name)


def test_feather_is_named(tmp_path):
    pyarrow.feather.write_feather(pyarrow.table({"x": np.arange(3)}), str(tmp_path / "a.feather"))
    with pytest.raises(UserError, match=r"is an Arrow \(Feather\) file; pandas.read_feather"):
        load(tmp_path / "a.feather")
