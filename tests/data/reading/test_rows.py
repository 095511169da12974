"""What separates columns is found, and quotes that swallow rows are refused."""

import csv
import io

import numpy as np
import pytest

from jaxflow import HoldOut, LabelledText, Table, UserError
from jaxflow.data.reading.category_names import category_key, category_name, category_names
from jaxflow.data.reading.dialect import Dialect, find_delimiter


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_the_delimiter_is_found(delimiter, suffix, tmp_path):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([["x", "note", "y"], *([i, "a,b;c", i % 2] for i in range(9))])
    path = tmp_path / f"a.{suffix}"
    path.write_text(file.getvalue())
    assert find_delimiter(path, Dialect()) == delimiter
    assert find_delimiter(path, Dialect(), ("note",)) == delimiter
    assert find_delimiter(path, Dialect(delimiter=":")) == ":"


def test_columns_that_are_known_decide(tmp_path):
    (tmp_path / "a.csv").write_text("price, in EUR;size;y\n" + "1,5;2;a\n" * 9)
    assert find_delimiter(tmp_path / "a.csv", Dialect()) == ","  # two cells in each line, either way
    assert find_delimiter(tmp_path / "a.csv", Dialect(), ("y",)) == ";"


@pytest.mark.parametrize("fields", [{"delimiter": ";;"}, {"thousands": "ab"}, {"delimiter": '"'}])
def test_settings_that_are_no_characters_are_refused(fields):
    with pytest.raises(UserError, match=r"data\.(delimiter|thousands) is "):
        Table("a.csv", "y", **fields)
    with pytest.raises(UserError, match=r"both ','; they differ"):
        Table("a.csv", "y", decimal=",", thousands=",")


def lines_of(count=60):
    return [["spam", "ham"][i % 2] + f"\tmessage {i}" for i in range(count)]


@pytest.mark.parametrize("text", ["good film {}\nbut long", 'good {}\n\nsaid "Ann", "Bob"', "good, {}\nbut\nlong"])
def test_texts_of_several_lines_are_texts(text, tmp_path):
    rows = [[text.format(i) if i % 10 == 0 else f"film {i}", ["pos", "neg"][i % 2]] for i in range(120)]
    file = io.StringIO()
    csv.writer(file).writerows([["text", "label"], *rows])
    (tmp_path / "a.csv").write_text(file.getvalue())
    dataset = LabelledText(str(tmp_path / "a.csv"), length=8, split=HoldOut(0, 0)).load()
    assert sum(map(len, dataset.splits.values())) == 120


@pytest.mark.parametrize(
    ("first", "last", "where"),
    [
        (10, 13, "line 12: a quote .* or pairs with one of line 15, swallows 3 lines"),
        (10, 11, "line 12: a quote .* pairs with one of line 13, swallows 1 lines"),
        (10, None, "line 12: a quote that is never paired.* swallows 49 lines"),
    ],
)
@pytest.mark.parametrize("source", [LabelledText, Table])
def test_quotes_that_swallow_rows_are_refused(first, last, where, source, tmp_path):
    lines = lines_of()
    lines[first] = lines[first].replace("\t", '\t"')
    if last is not None:
        lines[last] += '"'
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(["label\ttext", *lines]) + "\n")
    how = {"length": 8} if source is LabelledText else {"target": "label"}
    with pytest.raises(UserError, match=where + r".*quotes=False"):
        source(str(path), **how).load()
    if source is LabelledText:
        dataset = LabelledText(str(path), length=30, quotes=False).load()
        assert sum(map(len, dataset.splits.values())) == 60


def test_texts_of_several_lines_are_texts_and_counted(tmp_path, said):
    texts = [f"first {i}, with a comma\nsecond, {i}\n\nlast {i}" for i in range(30)]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *([text, "ab"[i % 2]] for i, text in enumerate(texts))])
    dataset = LabelledText(str(tmp_path / "a.csv"), length=60, split=HoldOut(0, 0)).load()
    decoded = {dataset.input_encoding.tokenizer.decode(row) for row in dataset.splits["train"].inputs.tolist()}
    assert decoded == set(texts)
    assert said().count("30 rows in 121 lines, since 30 have cells in quotes that span lines") == 1
    assert dataset.splits["train"].lines.tolist() == [2 + 4 * i for i in range(30)]


def test_numbers_and_rows_of_a_table_that_spans_lines(tmp_path):
    lines = ["x,note,y"] + [f'{i * 3 % 40},"a\n{i % 2}, b",{i % 2}' for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    dataset = Table(str(tmp_path / "a.csv"), "y", split=HoldOut(0, 0)).load()
    assert dataset.splits["train"].lines.tolist() == [2 + 2 * i for i in range(40)]


def test_names_go_by_value():
    same = [
        [3, 3.0, "3", " 3 ", "3.0", "+3.00"],
        [0, "0.0", "-0", "-0.0"],
        ["1.5", "1.50", 1.5, "01.5"[1:]],
        [".5", 0.5],
    ]
    for values in same:
        assert len({category_name(value) for value in values}) == 1
    assert category_name("12345678901234567890.0") == "12345678901234567890"
    for code in ("007", "00501", "1.2.3", "1e3", "1_000", "٣", "Infinity", "nan"):
        assert category_name(code) == code
    assert category_names(["1e-05", "0.00001", "1E5"]) == {"1e-05": "0.00001", "0.00001": "0.00001", "1E5": "1E5"}
    assert category_key(1e-05) == category_key("0.00001") == category_key("1.0E-5")
    assert category_names(["TRUE", "False"]) == {"TRUE": "TRUE", "False": "False"}
    assert category_names(["TRUE", "true", "no"]) == {"TRUE": "True", "true": "True", "no": "no"}
    assert category_names([">50K", ">50K.", "<=50K"]) == {">50K": ">50K", ">50K.": ">50K", "<=50K": "<=50K"}
    assert category_names(["Mr.", "Dr.", "a..", "a", "."]) == {name: name for name in ("Mr.", "Dr.", "a..", "a", ".")}
    assert category_key(True) == category_key("TRUE") == category_key("true")


@pytest.mark.parametrize("spellings", [("1", "1.0", "0", "0.0"), ("True", "TRUE", "false", "FALSE")])
def test_classes_of_texts_go_by_value(spellings, tmp_path):
    rows = [f"text {i},{spellings[i % 4]}" for i in range(80)]
    (tmp_path / "a.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    dataset = LabelledText(str(tmp_path / "a.csv"), length=8).load()
    assert dataset.schema.target.names in (("0", "1"), ("False", "True"))
    counts = np.bincount(np.concatenate([split.targets for split in dataset.splits.values()]))
    assert counts.tolist() == [40, 40]
