"""Tables of labels: what their cells are read as, and what is said of those that cannot be."""

import numpy as np
import pytest
from PIL import Image

from jaxflow import HoldOut, ImageFolder, UserError


@pytest.fixture
def load(tmp_path):
    """Loads 24 images whose table of labels holds these cells, one or several for each."""

    def load(header, cells, **settings):
        lines = [f"path,{header}"]
        for number in range(24):
            Image.fromarray(np.full((2, 2, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
            lines.append(f"{number}.png,{cells(number)}")
        (tmp_path / "labels.csv").write_text("\n".join([*lines, ""]))
        defaults = {"size": (2, 2), "split": HoldOut(0.0, 0.3), "labels": "labels.csv"}
        return ImageFolder(str(tmp_path), **defaults | settings).load()

    return load


@pytest.mark.parametrize("cell", ["{}.5", "{} kg", "{}"])
def test_numbers_that_are_taken_for_classes_are_refused_with_the_task(cell, load):
    with pytest.raises(UserError, match=r"column age of .* 24 different texts .*--data.task=number"):
        load("age", lambda i: cell.format(i), target="age")


def test_texts_that_all_differ_name_the_target(load):
    with pytest.raises(UserError, match=r"of its own; data.target names a column of classes, and label has another"):
        load("label", lambda i: f"name {chr(97 + i)}")


def test_a_mark_among_classes_is_said(load, said):
    assert load("label", lambda i: "12."[i % 3]).schema.target.names == (".", "1", "2")
    assert "read as 3 classes, which are numbers but for '.'" in said()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ('"a \\"x\\""', r"line 5: a backslash stands before a quote.*escapechar"),
        ('"5 ft 3\\""', r"line 5: a backslash stands before a quote.*escapechar"),
        ('"a" b', r"line 5: ',' expected after '\"'; correct the line"),
    ],
)
def test_a_line_with_wrong_quotes_is_named(cell, message, load):
    with pytest.raises(UserError, match=message):
        load("label", lambda i: cell if i in (3, 4) else "ab"[i % 2])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (lambda i: "<5" if i == 4 else str(i), r"column age holds '<5' in line 6, and 1 such in all; write numbers"),
        (lambda i: f"{i} y", r"column age holds '0 y' in line 2, and 24 such in all"),
        (lambda i: '"n,a"' if i > 20 else f'"{i},5"', r"column age holds 'n,a' in line 23, and 3 such in all"),
    ],
)
@pytest.mark.parametrize("target", ["age", ("age",)])
def test_the_line_of_what_is_no_number_is_named(cells, message, target, load):
    with pytest.raises(UserError, match=message):
        load("age", cells, target=target, task="number")


@pytest.mark.parametrize("task", ["number", "class"])
def test_files_without_a_label_are_left_out_and_counted(task, load, said):
    cells = ("", " ", "NA", "1", "2", "3")
    dataset = load("age", lambda i: cells[i % 6], target="age", task=task)
    assert sum(map(len, dataset.splits.values())) == 12
    out = said()
    assert "not used: 12 images of" in out
    assert "has no label ('', 'NA')" in out


def test_a_table_without_a_line_of_names_is_told_so(tmp_path, load):
    load("label", lambda i: "ab"[i % 2])
    (tmp_path / "labels.csv").write_text("".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(24)))
    with pytest.raises(UserError, match=r"first line is a row already, of 0\.png; write path,label into a line above"):
        ImageFolder(str(tmp_path), size=(2, 2), labels="labels.csv").load()
