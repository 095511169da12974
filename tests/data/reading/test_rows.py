"""What separates columns is found, and quotes that swallow rows are refused."""

import csv
import io

import numpy as np
import pytest

from jaxflow import HoldOut, LabelledText, Series, Table, UserError
from jaxflow.data.reading.category_names import category_key, category_name, category_names
from jaxflow.data.reading.text.dialect import Dialect, find_delimiter
from jaxflow.data.reading.text.rows import read_rows
from jaxflow.data.tables.raw.read import read_table


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
    with pytest.raises(UserError, match=r"--data.delimiter=\$'\\t'$"):
        Table("a.csv", "y", delimiter=r"\t")
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


def quoted(path, cell):
    lines = (f"{cell if i % 5 == 0 else f'plain {i % 3}'},{i * 7 % 11},{'ab'[i % 2]}\n" for i in range(60))
    path.write_text("note,x,y\n" + "".join(lines))
    return path


@pytest.mark.parametrize("source", [LabelledText, Table])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (r'"He said \"no\""', r"line 2: a backslash stands before a quote .*escapechar='\\\\'.*quotes=False"),
        (r'"He said \"no, sir\""', r"line 2: a backslash stands before a quote"),
        (r'"\"no\""', r"line 2: a backslash stands before a quote"),
        (r'"5\" pipe"', r"line 2: a backslash stands before a quote"),
        ('""no""', r"line 2: a cell goes on after the quote that ends it: double the quotes"),
        ('"abc"def', r"line 2: a cell goes on after the quote"),
        ('"a" "b"', r"line 2: a cell goes on after the quote"),
    ],
)
def test_cells_that_go_on_after_their_quotes_are_named(source, cell, message, tmp_path):
    path = quoted(tmp_path / "a.csv", cell)
    how = {"text": "note", "label": "y", "length": 4} if source is LabelledText else {"target": "y"}
    with pytest.raises(UserError, match=message):
        source(str(path), **how).load()
    if "," not in cell:
        source(str(path), **how, quotes=False, split=HoldOut(0, 0)).load()


@pytest.mark.parametrize("source", [LabelledText, Table])
@pytest.mark.parametrize(
    "row", ['{0},"{1}\\"",{2}', '{0},{2},"{1}\\""', '"{1}\\"",{0},{2}'], ids=["middle", "end", "start"]
)
@pytest.mark.parametrize("every", [1, 5, 60])
def test_a_backslash_before_the_quote_that_ends_a_cell_joins_no_rows(every, row, source, tmp_path):
    lines = [row.format(i, 10 + i, "ab"[i % 2]) for i in range(60)]
    lines = [line if i % every == 0 else line.replace('\\"', "") for i, line in enumerate(lines)]
    names = row.format("x", "note", "y").replace('\\"', "").replace('"', "")
    (tmp_path / "a.csv").write_text("\n".join([names, *lines]) + "\n")
    how = {"text": "note", "label": "y", "length": 4} if source is LabelledText else {"target": "y"}
    with pytest.raises(UserError, match=r"line 2: .*a backslash .*escapechar='\\\\'.*quotes=False"):
        source(str(tmp_path / "a.csv"), **how).load()


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('"C:\\dir\\"', "C:\\dir\\"),
        ('"path ""C:\\"""', 'path "C:\\"'),
        ('"say \\"", then"', 'say \\", then'),
        ('"she said, ""no"""', 'she said, "no"'),
        ('"""no"", he said"', '"no", he said'),
        ('"one\n""two"" lines"', 'one\n"two" lines'),
        ('5\\" pipe', '5\\" pipe'),
        ('"abc" ', "abc"),
        ('""', None),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_quotes_as_they_should_be_are_read(cell, read, encoding, tmp_path):
    path = quoted(tmp_path / "a.csv", cell)
    path.write_text(path.read_text(), encoding=encoding)
    found = read_table(path, ("",))["note"][0]
    assert (found if found is None else found.strip()) == read


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('1, "a,b",3', "a space stands before a quote"),
        ('1, "",2,3', "line 4: there are 4 cells in 3 columns; (?!a space)"),
        ('"x, ""no""",2,3,4', "line 4: there are 4 cells in 3 columns; (?!a space)"),
    ],
)
def test_a_space_before_a_quote_is_blamed_where_it_is_to_blame(line, message, tmp_path):
    (tmp_path / "a.csv").write_text(f"a,b,y\n1,2,3\n1,2,3\n{line}\n1,2,3\n")
    with pytest.raises(UserError, match=message):
        Table(str(tmp_path / "a.csv"), "y").load()


TITLES = ["Report of 2020,,", "Report of 2020", "Report of 2020\n", "Report of 2020,,\n,,", '"Report, of 2020",,']


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("source", ["Table", "LabelledText", "splits"])
def test_a_title_above_the_names_is_named(title, source, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{title}\ntext,id,label\n" + "".join(f"t{i},r{i},{'ab'[i % 2]}\n" for i in range(60)))
    (tmp_path / "b.csv").write_text("id,x,y\n" + "".join(f"r{i},{i * 7 % 11},{'ab'[i % 2]}\n" for i in range(60)))
    sources = {
        "Table": Table(str(path), "label"),
        "LabelledText": LabelledText(str(path)),
        "splits": Table(str(tmp_path / "b.csv"), "y", id="id", split=HoldOut(column="label", table=str(path))),
    }
    below = title.count("\n") + 2
    with pytest.raises(UserError, match=rf"line 1: there is 'Report.*alone, a title .*in line {below}; remove"):
        sources[source].load()


@pytest.mark.parametrize("title", TITLES)
def test_lines_above_the_names_are_skipped_where_these_are_given(title, tmp_path, said):
    path, rows = tmp_path / "a.csv", "".join(f"{i * 7 % 11},{i * 3 % 8},{'ab'[i % 2]}\n" for i in range(60))
    path.write_text(f"{title}\na,b,y\n{rows}")
    dataset = Table(str(path), "y", names=("a", "b", "y"), split=HoldOut(0, 0)).load()
    assert len(dataset.splits["train"]) == 60
    assert f"{title.count(chr(10)) + 2} lines before the first row are not used" in said()
    assert dataset.splits["train"].lines[0] == title.count("\n") + 3


def test_rows_to_be_predicted_name_the_line_of_a_backslash_before_a_quote(tmp_path):
    (tmp_path / "new.csv").write_text('text\n"plain"\n"size 5\\""\n"size 6\\""\n')
    with pytest.raises(UserError, match=r"line 3: .*a backslash .*escapechar"):
        list(read_rows(tmp_path / "new.csv", {"text": ""}, Dialect(",")))


@pytest.mark.parametrize(
    ("above", "names", "row", "line"),
    [
        ("Bericht\n", "x;c;label", "{0},5;r;{1}", 2),
        ("Sales\n", "2019,2020,label", "{0},r,{1}", 2),
        ("remark\n" * 12, "x,c,label", "{0},r,{1}", 13),
        ("Source:,WHO\n", "x,c,label", "{0},r,{1}", 2),
        ("Source,WHO,\n\nDate,2024,\n", "x,c,label", "{0},r,{1}", 4),
    ],
    ids=["decimal commas", "years", "remarks", "two cells", "several lines"],
)
def test_titles_of_other_kinds_are_named(above, names, row, line, tmp_path):
    rows = "".join(row.format(i, "ab"[i % 2]) + "\n" for i in range(60))
    (tmp_path / "a.csv").write_text(f"{above}{names}\n{rows}")
    with pytest.raises(UserError, match=rf"line 1: there is .*a title perhaps.* in line {line}; remove the lines"):
        Table(str(tmp_path / "a.csv"), "label").load()


def test_a_title_above_one_column_of_texts_and_above_a_series_is_named(tmp_path):
    (tmp_path / "a.csv").write_text('My texts\ntext\n"a b"\n"c d"\n')
    with pytest.raises(UserError, match=r"line 1: there is 'My texts' alone.* in line 2; remove"):
        list(read_rows(tmp_path / "a.csv", {"text": ""}, Dialect(",")))
    (tmp_path / "a.csv").write_text("Sales,\nt,v\n" + "".join(f"2020-01-{i:02d},{i}\n" for i in range(1, 30)))
    with pytest.raises(UserError, match=r"line 1: there is 'Sales' alone.* in line 2; remove"):
        Series(str(tmp_path / "a.csv"), "t", ("v",), length=3).load()


def test_a_comma_in_a_column_of_texts_is_no_title(tmp_path):
    (tmp_path / "a.csv").write_text("text\nhello\nhello, world\nmore\n")
    with pytest.raises(UserError, match="line 3: there are 2 cells in 1 columns; put quotes around"):
        list(read_rows(tmp_path / "a.csv", {"text": ""}, Dialect(",")))
