"""Text files with more than rows in them, and cells and names that are the same or are lost without a word."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from jaxflow import HoldOut, ImageFolder, LabelledText, Number, Table
from jaxflow.data.profiling.raw_columns import profile_raw_columns
from jaxflow.data.tables.encode import encode_table
from jaxflow.errors import UserError
from tests.conftest import assert_same_splits, joined
from tests.data.sources.test_table import read_back

ALL = HoldOut(0, 0)
ROWS = [f"{20 + i % 37};{['Rome', 'Oslo', 'Bern'][i % 3]};{'ab'[i % 2]}" for i in range(60)]
NAMES = "age;city;y"
E_ACUTE = "Caf\u00e9", "Cafe\u0301"


def table(path: Path, *lines: str, **fields) -> Table:
    path.write_text("\n".join(lines) + "\n")
    return Table(str(path), fields.pop("target", "y"), split=ALL, **fields)


@pytest.mark.parametrize(
    "before", [["sep=;"], ["# made by hand", "# 2,5; 3"], ["sep=;", "", "#made; by hand"], ['"sep=;"'], ["", "# x"]]
)
def test_lines_before_the_names_are_left_out_and_said(before, tmp_path, said):
    plain = table(tmp_path / "plain.csv", NAMES, *ROWS).load()
    assert "no row" not in said()
    found = table(tmp_path / "a.csv", *before, NAMES, *ROWS).load()
    assert_same_splits(plain, found)
    assert said().count("no row (sep= and # comments)") == 1
    first = len(before) + 2
    assert found.splits["train"].lines.tolist() == list(range(first, first + 60))
    inputs, _ = joined(encode_table(read_back(found.input_encoding), tmp_path / "a.csv"))
    np.testing.assert_array_equal(inputs, plain.splits["train"].inputs)


def test_a_separator_that_no_delimiter_is_guessed_for(tmp_path):
    found = table(tmp_path / "a.csv", "sep=^", "age^y", *(f"{i}^{'ab'[i % 2]}" for i in range(60))).load()
    assert found.input_encoding.features == ("age",)


@pytest.mark.parametrize("names", ["#,x,y", "# x,z,y"])
def test_names_that_begin_with_a_number_sign_are_names(names, tmp_path, said):
    found = table(tmp_path / "a.csv", names, *(f"{i * 7 % 11},{i % 5},{'ab'[i % 2]}" for i in range(60))).load()
    assert found.input_encoding.features == tuple(names.split(",")[:2])
    assert "no row" not in said()


def test_texts_of_a_table_with_lines_before_the_names(tmp_path, said):
    rows = [f"{['good', 'bad'][i % 2]} {i};{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["sep=;", "# a remark", "text;label", *rows[:10], "", "  ", *rows[10:]]))
    found = LabelledText(str(tmp_path / "a.csv"), length=8, split=ALL).load()
    assert found.splits["train"].lines.tolist() == [*range(4, 14), *range(16, 26)]
    assert "2 blank lines are left out" in said()


def test_blank_lines_are_left_out_and_counted(tmp_path, said):
    plain = table(tmp_path / "plain.csv", NAMES, *ROWS).load()
    found = table(tmp_path / "a.csv", NAMES, *ROWS[:30], "", "   ", *ROWS[30:]).load()
    assert_same_splits(plain, found)
    assert "a.csv: 2 blank lines are left out" in said()
    assert found.splits["train"].lines.tolist() == [*range(2, 32), *range(34, 64)]


@pytest.mark.parametrize("source", [Table, LabelledText])
def test_repeated_names_are_refused_with_their_line(source, tmp_path):
    rows = [f"{'xyz'[i % 3]},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows, "text,label", *rows]))
    make = {Table: lambda path: Table(path, "label"), LabelledText: LabelledText}[source]
    with pytest.raises(UserError, match=r"a\.csv, line 22: it repeats the names of the columns"):
        make(str(tmp_path / "a.csv")).load()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,b", "1,x", "1,5,y", "2,z"], r"line 3: there are 3 cells in 2 columns; 1,5 may be .* decimal comma"),
        (["a,b", "x,x", "x,y and z, too", "u,z"], "line 3: .*; put quotes around texts that hold ','"),
        (["a,b,c", "1,x,y", "2,x,y", "3 rows"], "line 4: there are 1 cells in 3 columns; .* footer"),
        (["a,b,c", "1,x,y", "2;x;y", "3,x,y"], "line 3: there are 1 cells in 3 columns; it lacks cells"),
        (["a,b", "u,1,x", "v,2,y"], "line 2: there are 3 cells in 2 columns; the rows have a name each"),
    ],
)
def test_why_rows_are_ragged(lines, message, tmp_path):
    with pytest.raises(UserError, match=message):
        table(tmp_path / "a.csv", *lines, target="b", delimiter=",").load()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_whole_numbers_that_lose_digits_are_no_inputs_and_no_targets(kind, tmp_path, said):
    numbers = [2**60 + i // 2 for i in range(60)]
    columns = {"account": numbers, "x": [i * 7 % 11 for i in range(60)], "y": ["ab"[i % 2] for i in range(60)]}
    path = tmp_path / f"a.{kind}"
    written = pyarrow.table(columns)
    pyarrow.parquet.write_table(written, path) if kind == "parquet" else pyarrow.csv.write_csv(written, path)
    assert Table(str(path), "y", split=ALL).load().input_encoding.features == ("x",)
    assert f"column account is left out: whole numbers such as {2**60} are longer" in said()
    kept = Table(str(path), "y", columns=(Number("account"),), split=ALL).load()
    assert kept.input_encoding.features == ("account", "x")
    with pytest.raises(UserError, match=f"target account holds whole numbers such as {2**60}"):
        Table(str(path), "account", split=ALL).load()
    classes = Table(str(path), "account", task="class", split=ALL).load().schema.target.names
    assert sorted(map(int, classes)) == sorted({*numbers})


def test_bare_numbers_are_no_percents(tmp_path):
    rows = [f"{i % 40}%,{'ab'[i % 2]}" for i in range(60)]
    found = table(tmp_path / "a.csv", "rate,y", *rows).load()
    pyarrow.parquet.write_table(pyarrow.table({"rate": [0.12, None]}), tmp_path / "new.parquet")
    with pytest.raises(UserError, match=r"column rate holds numbers .*in %\), but 0\.12 in row 1"):
        list(encode_table(found.input_encoding, tmp_path / "new.parquet"))


def test_binary_columns_are_text(tmp_path):
    cells = ["u" if i % 3 else "Caf\u00e9" for i in range(60)]
    columns = {"x": [i % 7 for i in range(60)], "y": ["ab"[i % 2] for i in range(60)]}
    for name, values in (("text", cells), ("bytes", [cell.encode() for cell in cells])):
        pyarrow.parquet.write_table(pyarrow.table({"t": values, **columns}), tmp_path / f"{name}.parquet")
    text, binary = (Table(str(tmp_path / f"{name}.parquet"), "y", split=ALL).load() for name in ("text", "bytes"))
    assert_same_splits(text, binary)
    assert "t = Caf\u00e9" in binary.input_encoding.features
    odd = pyarrow.table({"t": [b"\xff", b"u"] * 30, **columns})
    pyarrow.parquet.write_table(odd, tmp_path / "odd.parquet")
    names = Table(str(tmp_path / "odd.parquet"), "y", split=ALL).load().input_encoding.features
    assert "t = \\xff" in names


@pytest.mark.parametrize(
    ("day", "count", "found"),
    [("9999-12-31", 1, True), ("0001-01-01", 1, True), ("1900-01-01", 20, True), ("1900-01-01", 1, False)],
)
@pytest.mark.parametrize("compact", [False, True])
def test_days_that_stand_for_none_are_found(day, count, found, compact, tmp_path):
    if compact and day < "1900":
        return  # 00010101 has leading zeros, and is a code
    days = [day] * count + [f"2024-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(80)]
    rows = [f"{each.replace('-', '') if compact else each},{i % 7},{'ab'[i % 2]}" for i, each in enumerate(days)]
    source = table(tmp_path / "a.csv", "d,x,y", *rows)
    _, issues = profile_raw_columns(source.raw_columns(source.load()))
    messages = [issue.message for issue in issues if "as what has no date" in issue.message]
    assert messages == ([f"{count:,} training rows hold {day} in d, as what has no date often does"] if found else [])


def test_an_index_that_was_saved_twice_is_no_input(tmp_path, said):
    rows = [f"{i},{i},{i * 7 % 11},{'ab'[i % 2]}" for i in range(60)]
    found = table(tmp_path / "a.csv", "Unnamed: 0.1,Unnamed: 0,x,y", *rows).load()
    assert found.input_encoding.features == ("x",)
    assert "column 'Unnamed: 0.1' is left out: it numbers the rows" in said()


def test_rows_without_a_group_are_groups_of_their_own(tmp_path, said):
    rows = [f"{'' if i % 2 else i % 10},{i},{'ab'[i % 3 > 0]}" for i in range(200)]
    (tmp_path / "a.csv").write_text("\n".join(["who,x,y", *rows]))
    dataset = Table(str(tmp_path / "a.csv"), "y", group="who").load()
    assert "100 of 200 rows have no who: each is a group of its own" in said()
    groups = [name for names in dataset.groups.values() for name in names] if dataset.groups else []
    assert not groups or sum(name.startswith("row ") for name in groups) == len({*groups}) - 5
    lines = {name: (split.lines - 2) % 2 for name, split in dataset.splits.items()}
    assert all(0 < odd.mean() < 1 for odd in lines.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "yy"}, "perhaps you meant 'y'"),
        ({"drop": ("ctiy",)}, "perhaps you meant 'city'"),
        ({"group": "City"}, "perhaps you meant 'city'"),
        ({"time": "agee"}, "perhaps you meant 'age'"),
        ({"id": "agee"}, "perhaps you meant 'age'"),
        ({"columns": (Number("agee"),)}, "perhaps you meant 'age'"),
        ({"required": ("agee",)}, "perhaps you meant 'age'"),
    ],
)
def test_misspelt_columns(fields, message, tmp_path):
    with pytest.raises(UserError, match=message):
        table(tmp_path / "a.csv", NAMES, *ROWS, **fields).load()


def test_misspelt_paths_and_a_misspelt_column_of_splits(tmp_path):
    (tmp_path / "my data").mkdir()
    table(tmp_path / "my data" / "train.csv", NAMES, *ROWS)
    for wrong in ("my data/trian.csv", "my_data/train.csv"):
        with pytest.raises(UserError, match=r"no table at .*; perhaps you meant .*my data"):
            Table(str(tmp_path / wrong), "y").load()
    with pytest.raises(UserError, match="perhaps you meant 'city'"):
        Table(str(tmp_path / "my data" / "train.csv"), "y", split="citty").load()


def test_letters_that_unicode_writes_in_two_ways_are_one(tmp_path):
    rows = [f"{E_ACUTE[i % 4 == 0] if i % 2 else 'Bar'};{i % 7};{'ab'[i % 2]}" for i in range(80)]
    found = table(tmp_path / "a.csv", "place;x;y", *rows).load()
    composed = table(tmp_path / "b.csv", "place;x;y", *(unicodedata.normalize("NFC", row) for row in rows)).load()
    assert_same_splits(found, composed)
    inputs, _ = joined(encode_table(read_back(composed.input_encoding), tmp_path / "a.csv"))
    np.testing.assert_array_equal(inputs, composed.splits["train"].inputs)
    (tmp_path / "c.csv").write_text(
        "\n".join(["x;y", *(f"{i};{E_ACUTE[i % 2] if i % 3 else 'Bar'}" for i in range(60))])
    )
    assert Table(str(tmp_path / "c.csv"), "y", split=ALL).load().schema.target.names == ("Bar", E_ACUTE[0])
    rows = [f"text {i},{E_ACUTE[i % 2] if i % 3 else 'Bar'}" for i in range(30)]
    (tmp_path / "d.csv").write_text("\n".join(["text,label", *rows]))
    texts = LabelledText(str(tmp_path / "d.csv"), length=8, split=ALL).load()
    assert texts.schema.target.names == ("Bar", E_ACUTE[0])


@pytest.mark.parametrize("labels", [None, "labels.csv"])
def test_classes_of_files_that_unicode_writes_in_two_ways_are_one(labels, tmp_path, said):
    lines = ["path,label"]
    for number in range(12):
        name = ["Bar", *E_ACUTE][number % 3]
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
        lines.append(f"{name}/{number}.png,{name}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    found = ImageFolder(str(tmp_path), size=(8, 8), labels=labels, split=ALL).load()
    assert found.schema.target.names == ("Bar", E_ACUTE[0])
    assert np.bincount(found.splits["train"].targets).tolist() == [4, 8]
    assert ("two ways of Unicode" in said()) == (labels is None)


@pytest.mark.parametrize("labels", [None, "labels.csv"])
def test_classes_that_differ_in_capitals_alone_are_said(labels, tmp_path, said):
    lines = ["path,label"]
    for number in range(12):
        name = ["Cat", "cat", "dog"][number % 3]
        (tmp_path / name).mkdir(exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
        lines.append(f"{name}/{number}.png,{name}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    found = ImageFolder(str(tmp_path), size=(8, 8), labels=labels, split=ALL).load()
    assert found.schema.target.names == ("Cat", "cat", "dog")
    assert "'Cat' and 'cat' differ in capitals alone, and are classes of their own" in said()


def test_numbers_of_a_table_of_labels_keep_their_digits(tmp_path):
    lines = ["path;label"]
    for number in range(12):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png;{['1.500', '1.250,5'][number % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    found = ImageFolder(str(tmp_path), size=(8, 8), labels="labels.csv", task="number", split=ALL).load()
    np.testing.assert_array_equal(np.unique(found.splits["train"].targets), [1250.5, 1500.0])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("x,y,z\n0.6,1,0.7,\n0.5,0,0.2,\n", "each row ends with ',': end the first line with it too"),
        ('x,y,z\n0.6, "u, 1", a\n0.5,b,c\n', "a space stands before a quote"),
        ("x,y,z\n0.6,u\\, 1,a\n0.5,u\\, 2,c\n", "a backslash stands before ',', where quotes keep a cell whole"),
        ("x,y,z\n0.6,'u, 1',a\n0.5,'u, 2',c\n", "' and ' keep no cell whole: put double quotes"),
        ("x,y,z\n0.6,\u201cu, 1\u201d,a\n0.5,\u201cu, 2\u201d,c\n", "\u201c and \u201d keep no cell whole"),
        ("x,y,z\n0.6,v,a\n0.5,\u201eu, 2\u201c,c\n0.7,v,a\n", "\u201e and \u201c keep no cell whole"),
        ("x,y\n'u',1,a\n'v',2,c\n", "the rows have a name each"),
    ],
)
def test_cells_too_many_have_their_cause(text, cause, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=re.escape(cause)):
        Table(str(tmp_path / "a.csv"), "z").load()
