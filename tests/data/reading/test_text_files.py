"""Text files in any encoding, compressed or not; files that are no text are named."""

import bz2
import gzip
import lzma

import numpy as np
import pyarrow
import pyarrow.feather
import pytest
from PIL import Image

from jaxflow import HoldOut, ImageFolder, LabelledText, Series, Table, Text, UserError
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
        ("a.csv", b"Obj\x01\x04\x14avro.codec", "is an Avro file; .*fastavro"),
        ("a.csv", bytes(12) + b"\xc2\xea\x81\x60\xb3\x14\x11" + bytes(90), "is a SAS file; .*'sas7bdat'"),
        ("a.csv", b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", "is a SAS transport file; .*'xport'"),
        ("a.csv", b"MATLAB 5.0 MAT-file, Platform: X" + b" " * 92 + b"\0\1IM", "is a MAT-file of MATLAB"),
        ("a.csv", b"CDF\x01" + bytes(40), "is a NetCDF file"),
        ("a.csv", b"<table><tr><td>x</td></tr></table>", "is a page of the web"),
        ("a.csv", b"404: Not Found", "is a page of the web, perhaps of a download that failed"),
        ("a.csv", b"SQLite format 3\0" + bytes(40), "is a SQLite database; export"),
        ("a.csv", b"<!DOCTYPE html>\n<html>", "is a page of the web"),
        ("a.csv", b"\n  <!-- saved -->\n<html>", "is a page of the web"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS holds; git lfs pull fetches"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS holds; git lfs pull"),
        ("a.csv", b"%PDF-1.4\n", "is a PDF file; export"),
        ("a.csv.gz", gzip.compress(b"%PDF-1.4\n"), "is a PDF file; export"),
        ("a.tar.gz", gzip.compress(bytes(257) + b"ustar"), "is a tar archive; unpack it"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(4), "is an image; sources such as ImageFolder"),
        ("a.pkl", b"\x80\x04\x95" + bytes(8), "is a pickle of Python; pandas.read_pickle"),
        ("a.jsonl", b'{"x": 1, "y": 2}\n{"x": 2, "y": 1}\n', r"is JSON lines; pandas.read_json\(PATH, lines=True\)"),
        ("a.csv", b'{"x": 1, "y": 2}\r\n{"x": 2, "y": 1}\r\n', "is JSON lines;"),
        ("a.json", b'[{"x": 1, "y": 2}, {"x": 2, "y": 1}]', r"is JSON; pandas.read_json\(PATH\).to_csv"),
        ("a.json", b'[\n  {\n    "x": 1,\n    "y": 2\n  }\n]', "is JSON;"),
        ("a.json", b'{"x": {"0": 1}, "y": {"0": 2}}', "is JSON;"),
        (
            "a.arff",
            b"% Iris\n\n@RELATION iris\n@ATTRIBUTE x REAL\n@DATA\n1\n",
            "is an ARFF file of Weka; pandas.DataFrame",
        ),
        ("a.xml", b"<?xml version='1.0'?>\n<rows/>", "is an XML file; pandas.read_xml"),
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


@pytest.mark.parametrize("source", ["Series", "LabelledText", "labels", "splits"])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b'{"x": 1, "y": 2}\n{"x": 2, "y": 1}\n', "is JSON lines;"),
        ("a.json", b'[{"x": 1, "y": 2}]', "is JSON;"),
        ("a.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("a.zip", b"PK\x03\x04" + bytes(40), "is a zip archive; unpack it"),
        ("a.arff", b"@relation iris\n", "is an ARFF file"),
    ],
)
def test_every_source_names_what_is_no_table(source, name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    Image.new("L", (4, 4)).save(tmp_path / "0.png")
    (tmp_path / "rows.csv").write_text("id,x,y\n" + "".join(f"r{i},{i * 7 % 9},{'ab'[i % 2]}\n" for i in range(40)))
    sources = {
        "Series": Series(str(path), "day", ("x",)),
        "LabelledText": LabelledText(str(path), text="x", label="y"),
        "labels": ImageFolder(str(tmp_path), labels=name),
        "splits": Table(str(tmp_path / "rows.csv"), "y", id="id", split=HoldOut(column="use", table=str(path))),
    }
    with pytest.raises(UserError, match=message):
        sources[source].load()


@pytest.mark.parametrize("names", ["PAR1,PAR2,y", "ORC,x,y", "orchard,x,y", "fea1,fea2,y", "[mm],{0},y", '"{a}",[1],y'])
def test_names_of_columns_are_no_other_format(names, tmp_path):
    (tmp_path / "a.csv").write_text(
        names + "\n" + "".join(f"{i * 7 % 9},{i * 3 % 8},{'ab'[i % 2]}\n" for i in range(60))
    )
    assert len(load(tmp_path / "a.csv").input_encoding.features) == 2


def test_cells_of_json_are_texts(tmp_path):
    rows = "".join(f'{{"a": {i % 3}}}\t{"ab"[i % 2]}\n' for i in range(60))
    (tmp_path / "a.tsv").write_text(rows)
    found = load(tmp_path / "a.tsv", names=("x", "y"), quotes=False)
    assert found.input_encoding.features == ('x = {"a": 0}', 'x = {"a": 1}', 'x = {"a": 2}')
