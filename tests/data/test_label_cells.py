"""Any number of labels in a cell, such as "red;round", in tables and in tables of labels."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.preprocessing import MultiLabelBinarizer

import jaxflow
from jaxflow import Category, ImageFolder, Table
from jaxflow.data.tables.encode import encode_table
from jaxflow.data.targets import split_labels
from jaxflow.exploration.explore import explore

CELLS = ["red;round", "round", "green; red", "", "NA", "green", ";", "red;round;green"] * 12


def write(folder: Path, cells=CELLS, separator=";") -> str:
    lines = [f'{index % 7},"{cell.replace(";", separator)}"' for index, cell in enumerate(cells)]
    (folder / "a.csv").write_text("\n".join(["size,tags", *lines]))
    return str(folder / "a.csv")


@pytest.mark.parametrize("separator", [";", "|", ",", "/"])
def test_labels_in_a_cell_are_those_of_scikit_learn(tmp_path, caplog, separator):
    caplog.set_level(logging.INFO, "jaxflow")
    known = separator if separator == "/" else None
    dataset = Table(write(tmp_path, separator=separator), "tags", task="labels", label_separator=known).load()
    assert dataset.schema.target == jaxflow.Target("labels", ("green", "red", "round"))
    kept = {2 + row: cell for row, cell in enumerate(CELLS) if cell not in ("", "NA")}
    labels = {line: [each.strip() for each in cell.split(";") if each] for line, cell in kept.items()}
    binarizer = MultiLabelBinarizer().fit(labels.values())
    assert tuple(binarizer.classes_) == dataset.schema.target.names
    for split in dataset.splits.values():
        assert split.targets.dtype == np.int32
        np.testing.assert_array_equal(split.targets, binarizer.transform([labels[line] for line in split.lines]))
    assert dataset.excluded == {"no tags": 24}
    assert ("is read as 'red', 'round' (label_separator=" in caplog.text) == (known is None)


def test_lists_in_cells_lose_brackets_and_quotes():
    held, target = split_labels("tags", ["['red', 'round']", '["red"]', "[]", "{a b,red}"], None)
    assert target.names == ("a b", "red", "round")
    np.testing.assert_array_equal(held, [[0, 1, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]])


def test_labels_that_training_rows_do_not_tell_apart_are_left_out_and_said(tmp_path, caplog):
    caplog.set_level(logging.INFO, "jaxflow")
    rows = [
        f"{i},all;{'red' if i % 2 else 'blue'}{';rare' if i > 38 else ''},{'test' if i > 35 else ''}" for i in range(40)
    ]
    (tmp_path / "a.csv").write_text(
        "\n".join(["size,tags,fold", *(row if row[-1] == "t" else f"{row}train" for row in rows)])
    )
    dataset = Table(str(tmp_path / "a.csv"), "tags", task="labels", split="fold").load()
    assert dataset.schema.target.names == ("blue", "red")
    assert "1 labels left out, which no training example has: rare" in caplog.text
    assert "1 labels left out, which every training example has: all" in caplog.text
    np.testing.assert_array_equal(dataset.splits["test"].targets.sum(1), 1)


def test_cells_that_look_like_several_labels_are_said(tmp_path, caplog):
    caplog.set_level(logging.INFO, "jaxflow")
    dataset = Table(write(tmp_path), "tags").load()
    assert "red;round" in dataset.schema.target.names
    assert "is taken for one class; task='labels' takes it for several labels" in caplog.text


def test_new_rows_need_no_labels_and_explore_describes_each(tmp_path):
    table = Table(write(tmp_path), "tags", task="labels")
    dataset = table.load()
    (tmp_path / "new.csv").write_text("size\n3\n4\n")
    [(inputs, ids)] = encode_table(dataset.input_encoding, tmp_path / "new.csv")
    assert inputs.shape == (2, *dataset.schema.inputs.shape)
    assert len(ids) == 2
    experiment = jaxflow.Experiment(table, jaxflow.MLP(), jaxflow.Classification(), jaxflow.Adam())
    described = explore(experiment, tmp_path / "x")
    assert set(described["splits"]["train"]["targets"]) == {"green", "red", "round"}
    with pytest.raises(
        jaxflow.UserError, match=r"several labels at once \(green, red, round\); use problem=MultiLabel"
    ):
        jaxflow.train(experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_table_of_labels_may_hold_several_in_a_cell(tmp_path, in_memory):
    lines = ["path,label"]
    for index, cell in enumerate(["red;round", "round", ";", "NA", "red"] * 8):
        Image.fromarray(np.full((4, 4, 3), index, np.uint8)).save(tmp_path / f"{index}.png")
        lines.append(f"{index}.png,{cell}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    source = ImageFolder(str(tmp_path), (4, 4), labels="labels.csv", task="labels", in_memory=in_memory)
    dataset = source.load()
    assert dataset.schema.target == jaxflow.Target("labels", ("red", "round"))
    expected = {0: [1, 1], 1: [0, 1], 2: [0, 0], 4: [1, 0]}
    for split in dataset.splits.values():
        for row, target in enumerate(split.targets):
            np.testing.assert_array_equal(target, expected[int(Path(split.id(row)).stem) % 5])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: Table(path, ("tags", "size"), task="labels"), "for several in a cell of one column"),
        (lambda path: Table(path, "tags", task="label"), "several labels in a cell are task='labels'"),
        (
            lambda path: Table(path, "size", task="labels").load(),
            "holds ';', '|' or ',' between labels; data.label_sep",
        ),
        (lambda path: Table(path, "tags", task="labels", label_separator="/").load(), "holds '/' between labels"),
        (
            lambda path: Table(path, "tags", task="labels", category=Category(encode="target")),
            "Category(encode='target') encodes by one target",
        ),
    ],
)
def test_what_holds_no_labels_is_refused(tmp_path, make, message):
    with pytest.raises(jaxflow.UserError) as error:
        make(write(tmp_path))
    assert message in str(error.value)
