"""Errors name a row by its line, and rows by ids that are there and differ."""

import pyarrow
import pyarrow.parquet
import pytest

from jaxflow import HoldOut, Table, UserError
from jaxflow.data.tables.encode import encode_table
from jaxflow.data.tables.raw import table as raw_table
from jaxflow.data.tables.raw.read import read_table


def ids_table(path, ids):
    path.write_text("# people\nwho,x,y\n" + "".join(f"{id_},{i * 7 % 11},{'ab'[i % 2]}\n" for i, id_ in enumerate(ids)))
    return Table(str(path), "y", id="who", split=HoldOut(0, 0))


def names(count=40, **others):
    return [others.get(f"r{i}", f"r{i}") for i in range(count)]


@pytest.mark.parametrize("cell", ["", " ", "NA", "null"])
def test_an_id_that_is_missing_is_named(cell, tmp_path):
    message = r"column who holds no id in line 10 \(1 such\): it is empty, or .* NA \(data\.missing\); fill it in"
    with pytest.raises(UserError, match=message):
        ids_table(tmp_path / "a.csv", names(r7=cell)).load()
    encoding = ids_table(tmp_path / "b.csv", names()).load().input_encoding
    with pytest.raises(UserError, match=message):
        list(encode_table(encoding, tmp_path / "a.csv"))


def test_two_rows_of_one_id_are_named(tmp_path):
    with pytest.raises(
        UserError, match="column who names two rows 'r3', line 6 and line 10; ids differ: name another column"
    ):
        ids_table(tmp_path / "a.csv", names(r7="r3")).load()


@pytest.mark.parametrize("cell", ["train", "test"])
def test_an_id_that_a_table_of_splits_lacks_is_named(cell, tmp_path):
    ids_table(tmp_path / "a.csv", names())
    written = "".join(f"{id_},{'train' if i % 4 else 'test'}\n" for i, id_ in enumerate(names()))
    (tmp_path / "s.csv").write_text(f"id,use\n{written},{cell}\n")
    rule = HoldOut(column="use", table=str(tmp_path / "s.csv"))
    with pytest.raises(UserError, match=r"s\.csv, line 42: its id is empty, so it names no example"):
        Table(str(tmp_path / "a.csv"), "y", id="who", split=rule).load()
    (tmp_path / "s.csv").write_text(f"id,use\n{written},\n")
    dataset = Table(str(tmp_path / "a.csv"), "y", id="who", split=rule).load()
    assert sum(map(len, dataset.splits.values())) == 40


def test_rows_are_named_by_their_line(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_table, "BLOCK_ROWS", 4)
    (tmp_path / "a.csv").write_text('sep=,\n# note\nx,y\n1,"two\nlines"\n\n' + "".join(f"{i},b\n" for i in range(9)))
    raw = read_table(tmp_path / "a.csv", ())
    assert [raw.row_name(row) for row in range(3)] == ["line 4", "line 7", "line 8"]
    assert [block.row_name(1) for block in raw.blocks()] == ["line 7", "line 11", "line 15"]
    assert raw.first_lines().tolist() == [4, *range(7, 16)]
    pyarrow.parquet.write_table(pyarrow.table({"x": [1, 2]}), tmp_path / "a.parquet")
    raw = read_table(tmp_path / "a.parquet", ())
    assert (raw.row_name(1), raw.first_lines()) == ("row 2", None)


def test_rows_of_several_files_are_named_by_file_and_line(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("x,y\n" + "".join(f"{i % 9},{i}.5\n" for i in range(40)))
    test.write_text("# the rest\nx,y\n1,2.5\n1,inf\n")
    with pytest.raises(UserError, match=r"target y is not finite in line 4 of test\.csv"):
        Table(str(train), "y", test=str(test)).load()
