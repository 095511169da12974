"""Tables as people write them: spaces, spellings, numbers of rows, rows that are there twice."""

import dataclasses
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from jaxflow import Category, Date, HoldOut, ImageFolder, KFold, Number, Table, TimeSplit
from jaxflow.data.tables.encode import encode_table
from jaxflow.data.tables.raw.read import read_table
from jaxflow.errors import UserError
from tests.conftest import assert_same_splits, joined
from tests.data.sources.test_table import read_back, write

RANDOM = np.random.RandomState(0)


def cells(count=90):
    words = ["Gov", "?", "Private"]
    return [
        [20 + i % 40, words[i % 3], ["n/a", "3.5", "--", "#N/A"][i % 4] if i % 5 else 2, "ab"[i % 2]]
        for i in range(count)
    ]


@pytest.mark.parametrize("space", ["", " ", "\u00a0", "\t"])
def test_spaces_do_not_matter(space, tmp_path):
    header = ["age", "work", "hours", "y"]
    plain = Table(write(tmp_path / "a.csv", cells(), header), "y").load()
    spaced = [[f"{space}{cell}{space}" for cell in row] for row in cells()]
    found = Table(
        write(tmp_path / "b.csv", spaced, [f"{space}{name}" for name in header]), "y", split=HoldOut(0, 0)
    ).load()
    assert found.input_encoding.features == plain.input_encoding.features
    assert found.schema.target.names == ("a", "b")
    assert [encoder.kind for encoder in found.input_encoding.columns] == ["number", "onehot", "number"]
    inputs, _ = joined(encode_table(read_back(found.input_encoding), tmp_path / "a.csv"))
    np.testing.assert_array_equal(inputs, found.splits["train"].inputs)


def test_missing_also_goes_by_value_in_any_type_of_parquet(tmp_path):
    first, other = datetime(1970, 1, 1), datetime(2020, 5, 4, 3, 2, 1)
    columns = {
        "decimal": pyarrow.array([Decimal("-999.00"), Decimal("1.50"), None], pyarrow.decimal128(9, 2)),
        "boolean": pyarrow.array([False, True, None]),
        "day": pyarrow.array([first.date(), other.date(), None]),
        "moment": pyarrow.array([first, other, None], pyarrow.timestamp("ns")),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    raw = read_table(tmp_path / "a.parquet", (), missing_also=("-999", "false", "1970-01-01"))
    for name in columns:
        np.testing.assert_array_equal(raw.missing(name), [True, False, True])
    raw = read_table(tmp_path / "a.parquet", (), missing_also=("unknown",))
    assert all(raw.missing(name).sum() == 1 for name in columns)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("number", [int, float])
def test_missing_also_goes_by_value(suffix, number, tmp_path):
    x = [number(-999) if i % 7 == 0 else number(i * 3 % 50) for i in range(80)]
    word = ["unknown" if i % 5 == 0 else "ab"[i % 2] for i in range(80)]
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        write(path, list(zip(x, word, (i % 2 for i in range(80)))), ["x", "word", "y"])
    else:
        pyarrow.parquet.write_table(pyarrow.table({"x": x, "word": word, "y": np.arange(80) % 2}), path)
    data = Table(str(path), "y", missing_also=("-999", "unknown"), split=HoldOut(0, 0))
    for in_memory in (True, False):
        dataset = dataclasses.replace(data, in_memory=in_memory).load()
        assert dataset.input_encoding.features[:3] == ("x", "x: missing", "word = missing")
        np.testing.assert_array_equal(
            np.asarray(dataset.splits["train"].rows(np.arange(80))["inputs"][:, 1]), np.arange(80) % 7 == 0
        )
    inputs, _ = joined(encode_table(read_back(dataset.input_encoding), path))
    assert inputs[:, 1].sum() == 12


@pytest.mark.parametrize("kind", ["onehot", "ordinal", "index", "target"])
@pytest.mark.parametrize("other", ["3.0", " 3", "3.00"])
def test_new_rows_are_known_by_value(kind, other, tmp_path):
    lines = [[1 + i % 3, ["TRUE", "False"][i % 2], i * 7 % 11 < 5] for i in range(90)]
    path = write(tmp_path / "a.csv", lines, ["grade", "flag", "y"])
    named = (Category("grade", encode=kind), Category("flag", encode=kind))
    encoding = Table(path, "y", columns=named, split=HoldOut(0, 0.2)).load().input_encoding
    first, _ = joined(encode_table(encoding, Path(write(tmp_path / "b.csv", [[3, "TRUE"]], ["grade", "flag"]))))
    second, _ = joined(encode_table(encoding, Path(write(tmp_path / "c.csv", [[other, "true"]], ["grade", "flag"]))))
    pyarrow.parquet.write_table(pyarrow.table({"grade": [3.0], "flag": [True]}), tmp_path / "d.parquet")
    third, _ = joined(encode_table(encoding, tmp_path / "d.parquet"))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)


@pytest.mark.parametrize(
    "labels", [("0", "0.0", "1", "1.0"), ("True", "TRUE", "false", "False"), ("007", "7", "07", "7.0")]
)
def test_classes_go_by_value(labels, tmp_path):
    lines = [[round(RANDOM.randn(), 3), labels[i % 4]] for i in range(120)]
    names = Table(write(tmp_path / "a.csv", lines, ["x", "y"]), "y", task="class").load().schema.target.names
    assert (
        names
        == {"0": ("0", "1"), "T": ("False", "True"), "00": ("007", "07", "7")}[labels[0][: 1 + (labels[0] == "007")]]
    )


INDEX = {
    "": 0,
    "Unnamed: 0": 5,
    "__index_level_0__": 3,
    "id": 1000,
    "PassengerId": 1,
    "user_id": 7,
    "index": 0,
    "No.": 1,
}


@pytest.mark.parametrize("name", INDEX)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbers_of_rows_are_no_inputs(name, suffix, tmp_path, said):
    order = np.random.RandomState(1).permutation(80) if INDEX[name] > 1 else np.arange(80)
    lines = [[INDEX[name] + order[i], round(RANDOM.randn(), 3), "ab"[i // 40]] for i in range(80)]
    path = tmp_path / f"a.{suffix}"
    write(path, lines, [name, "x", "y"])
    if suffix == "parquet":
        columns = zip([name, "x", "y"], map(list, zip(*lines)))
        pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path)
    dataset = Table(str(path), "y").load()
    assert dataset.input_encoding.features == ("x",)
    assert f"column {name!r} is left out: it numbers the rows" in said()
    if name:
        kept = Table(str(path), "y", columns=(Number(name),)).load()
        assert kept.input_encoding.features == (name, "x")


def test_columns_that_number_nothing_remain(tmp_path):
    lines = [[i % 7, 1990 + i, i / 2, "ab"[i % 2], i * 2, 100 + i % 9] for i in range(60)]
    dataset = Table(write(tmp_path / "a.csv", lines, ["user_id", "year", "", "y", "paid", "index"]), "y").load()
    assert dataset.input_encoding.features == (
        "user_id",
        "year",
        "",
        "paid",
        "index",
    )  # no ids, halves, a price, a rate
    lonely = Table(write(tmp_path / "b.csv", [[i, i % 2] for i in range(60)], ["id", "y"]), "y").load()
    assert lonely.input_encoding.features == ("id",)  # nothing else would be left


@pytest.mark.parametrize("split", [HoldOut(0.2, 0.2), KFold(1, 4), HoldOut(0.2, 0.2, seed=3)])
@pytest.mark.parametrize("indexed", [False, True])
def test_equal_rows_lie_in_one_split(split, indexed, tmp_path):
    lines = [[*([i] if indexed else []), i % 40, i % 40 * 7 % 11, "ab"[i % 40 % 2]] for i in range(120)]
    path = write(tmp_path / "a.csv", lines, [*([""] if indexed else []), "a", "b", "y"])
    parts = Table(path, "y", split=split).load().splits
    rows = {name: {tuple(row) for row in part.inputs.tolist()} for name, part in parts.items()}
    assert sum(map(len, rows.values())) == 40 == len(set().union(*rows.values()))
    assert sum(map(len, parts.values())) == 120
    assert len({part.id(i) for part in parts.values() for i in range(len(part))}) == 120


def test_rows_that_differ_lie_where_they_lay_before_equal_ones_came(tmp_path):
    lines = [[i, i * 7 % 11, "ab"[i % 2]] for i in range(120)]
    before = Table(write(tmp_path / "a.csv", lines, ["a", "b", "y"]), "y").load()
    after = Table(write(tmp_path / "b.csv", lines + lines[:30], ["a", "b", "y"]), "y").load()
    for name, part in before.splits.items():
        assert set(part.ids) <= set(after.splits[name].ids)


def test_too_few_different_rows_are_split_all_the_same(tmp_path, said):
    path = write(tmp_path / "a.csv", [[i % 2, "ab"[i % 2]] for i in range(60)], ["a", "y"])
    assert sum(map(len, Table(path, "y").load().splits.values())) == 60
    assert "only 2 of 60 rows differ, so equal ones lie in several splits" in said()


def test_groups_go_by_value(tmp_path):
    lines = [[i, ["1", "1.0", " 1"][i % 3] if i < 60 else i, i * 7 % 11, "ab"[i % 2]] for i in range(120)]
    parts = Table(
        write(tmp_path / "a.csv", lines, ["x", "who", "z", "y"]), "y", group="who", id="x", split=HoldOut(0.2, 0.2)
    ).load()
    homes = {name for name, part in parts.splits.items() if any(int(id_) < 60 for id_ in part.ids)}
    assert len(homes) == 1


def test_formats_travel_to_new_rows(tmp_path):
    days = np.datetime64("2024-01-01") + np.arange(90)
    lines = [
        [f'"{1000 + 7 * i:,}"', f"{i * 3 % 50}%", day.item().strftime("%d.%m.%Y"), "ab"[i % 2]]
        for i, day in enumerate(days)
    ]
    path = write(tmp_path / "a.csv", lines, ["income", "rate", "day", "y"])
    dataset = Table(path, "y", split=HoldOut(0, 0)).load()
    encoding = read_back(dataset.input_encoding)
    assert [encoder.format for encoder in encoding.columns][2] == "%d.%m.%Y"
    inputs, _ = joined(encode_table(encoding, Path(path)))
    np.testing.assert_array_equal(inputs, dataset.splits["train"].inputs)
    other = write(
        tmp_path / "b.csv", [['"1,007"', "3%", "02.01.2024"], ["1014", "6%", "03.01.2024"]], ["income", "rate", "day"]
    )
    np.testing.assert_array_equal(joined(encode_table(encoding, Path(other)))[0], inputs[1:3])
    bad = write(tmp_path / "c.csv", [["1", "0.03", "02.01.2024"]], ["income", "rate", "day"])
    with pytest.raises(UserError, match=r"column rate holds numbers \(.*in %\), but '0.03' in line 2"):
        joined(encode_table(encoding, Path(bad)))


def test_a_semicolon_and_decimal_commas_are_a_table(tmp_path, said):
    numbers = RANDOM.randn(80, 2).round(3)
    (tmp_path / "a.csv").write_text(
        "x;z;y\n" + "".join(f"{a};{b};{'ab'[i % 2]}\n".replace(".", ",") for i, (a, b) in enumerate(numbers))
    )
    (tmp_path / "b.csv").write_text("x,z,y\n" + "".join(f"{a},{b},{'ab'[i % 2]}\n" for i, (a, b) in enumerate(numbers)))
    one, other = (Table(str(tmp_path / name), "y", split=HoldOut(0, 0)).load() for name in ("a.csv", "b.csv"))
    np.testing.assert_array_equal(one.splits["train"].inputs, other.splits["train"].inputs)
    assert "';' separate its columns" in said()
    inputs, _ = joined(encode_table(read_back(one.input_encoding), tmp_path / "a.csv"))
    np.testing.assert_array_equal(inputs, one.splits["train"].inputs)


def test_a_file_without_names_of_columns(tmp_path, said):
    lines = ["|a remark", *(f"{20 + i % 40}, {['Gov', ' ?', 'Own'][i % 3]}, {'ab'[i % 2]}" for i in range(60)), ""]
    (tmp_path / "a.data").write_text("\n".join(lines))
    names = ("age", "work", "pay")
    dataset = Table(str(tmp_path / "a.data"), "pay", names=names, split=HoldOut(0, 0)).load()
    assert dataset.input_encoding.features == ("age", "work = missing", "work = Gov", "work = Own")
    assert dataset.splits["train"].lines.tolist() == list(range(2, 62))
    assert "1 lines before the first row are not used" in said()
    (tmp_path / "b.csv").write_text("age,work,pay\n" + "\n".join(lines[1:]))
    named = Table(str(tmp_path / "b.csv"), "pay", split=HoldOut(0, 0)).load()
    assert_same_splits(named, dataset)
    for file in ("a.data", "b.csv"):
        inputs, _ = joined(encode_table(read_back(dataset.input_encoding), tmp_path / file))
        np.testing.assert_array_equal(inputs, dataset.splits["train"].inputs)
    (tmp_path / "c.csv").write_text("1,2,a\n" * 30)
    with pytest.raises(UserError, match=r"where the first line is a row already, data\.names names the columns"):
        Table(str(tmp_path / "c.csv"), "pay").load()


def test_texts_that_look_like_something_else_are_said(tmp_path, said):
    lines = [[f"{i} kg" if i % 3 else f"{i} pounds", f"{i % 28 + 1}. {i}. 24 at noon", "ab"[i % 2]] for i in range(80)]
    lines = [[*line, i * 7 % 13] for i, line in enumerate(lines)]
    Table(write(tmp_path / "a.csv", lines, ["weight", "when", "y", "x"]), "y").load()
    assert "they look like numbers with 'kg', 'pounds': write numbers alone" in said()


def test_times_may_be_written_in_any_format(tmp_path):
    days = np.datetime64("2023-01-01") + np.arange(100)
    lines = [[day.item().strftime("%d/%m/%Y"), i * 7 % 11, "ab"[i % 2]] for i, day in enumerate(days)]
    parts = (
        Table(write(tmp_path / "a.csv", lines, ["day", "x", "y"]), "y", time="day", split=TimeSplit(0.2, 0.2))
        .load()
        .splits
    )
    assert [part.lines.tolist() for part in parts.values()] == [[*range(2, 62)], [*range(62, 82)], [*range(82, 102)]]
    as_input = Table(str(tmp_path / "a.csv"), "y", columns=(Date("day"),)).load().input_encoding.columns[0]
    assert as_input.format == "%d/%m/%Y"


def test_a_table_of_labels_names_classes_by_value(tmp_path):
    for i in range(40):
        Image.fromarray(np.full((4, 4, 3), 6 * i, np.uint8)).save(tmp_path / f"{i}.png")
    spellings = ["1", "1.0", "0", " 0.0"]
    text = " path; label\n" + "".join(f"{i}.png; {spellings[i % 4]}\n" for i in range(40))
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-16"))
    dataset = ImageFolder(str(tmp_path), size=(4, 4), labels="labels.csv", split=HoldOut(0, 0.3)).load()
    assert dataset.schema.target.names == ("0", "1")


def test_settings_may_name_columns_with_their_spaces(tmp_path):
    lines = [[i % 40, i * 7 % 11, f" {'ab'[i % 2]}", i] for i in range(120)]
    path = write(tmp_path / "a.csv", lines, ["x", " z", " y", " who "])
    spaced = Table(path, " y", drop=(" z",), id=" who ").load()
    assert spaced.input_encoding.features == ("x",)
    assert_same_splits(spaced, Table(path, "y", drop=("z",), id="who").load())
    with pytest.raises(UserError, match="names y, the target; it cannot be an input too"):
        Table(path, " y", columns=(Category("y"),)).load()


def test_a_long_line_is_a_row_like_others(tmp_path):
    rows = [f'{i},"{"long " * (300_000 if i == 3 else 1)}",{"ab"[i % 2]}' for i in range(40)]
    (tmp_path / "a.csv").write_text("x;,note,y\n" + "\n".join(rows) + "\n")
    assert Table(str(tmp_path / "a.csv"), "y").load().input_encoding.features[0] == "x;"


def test_spellings_of_held_out_rows_change_no_feature(tmp_path):
    words = [["A.", "A-", "B"][i % 3] for i in range(60)]
    features = []
    for held_out in ("B", "A"):
        rows = [[word, i, i % 2, "train"] for i, word in enumerate(words)]
        rows += [[held_out, i, i % 2, "test"] for i in range(20)]
        path = write(tmp_path / f"{held_out}.csv", rows, ["word", "x", "y", "part"])
        dataset = Table(path, "y", split="part", columns=(Category("word"), Number("x"))).load()
        features.append(dataset.input_encoding.features)
        if held_out == "A":  # it is the A. of the training rows
            np.testing.assert_array_equal(
                np.asarray(dataset.splits["test"].rows(np.arange(1))["inputs"])[0, :3],
                np.array(["A." in name for name in features[0]])[:3],
            )
    assert features[0] == features[1]


@pytest.mark.parametrize("spellings", [("1e3", "1000"), ("1,000", "1000"), ("1000.", "1e+03")])
def test_classes_that_are_one_number_are_one(spellings, tmp_path):
    rows = [[i, f'"{spellings[i % 2]}"' if i % 4 < 2 else "7"] for i in range(80)]
    dataset = Table(write(tmp_path / "a.csv", rows, ["x", "y"]), "y", split=HoldOut(0, 0)).load()
    assert dataset.schema.target.names == ("7", "1000")
