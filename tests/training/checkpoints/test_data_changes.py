"""In what data changed is said in words: columns, categories, numbers of inputs and examples, and not as JSON."""

import dataclasses
import json

import numpy as np
import pytest

import jaxflow
from jaxflow.data.fingerprint import fingerprint
from jaxflow.serialization import to_json
from jaxflow.training.checkpoints.data_changes import describe_changes
from jaxflow.training.checkpoints.data_check import digest_of_names
from tests.data.sources.test_table import HEADER, rows, write


def described(dataset, **more):
    train = dataset.splits["train"]
    meta = {"schema": to_json(dataset.schema), "encoding": to_json(dataset.input_encoding), "train_size": len(train)}
    return json.loads(json.dumps(meta | {"train_ids": digest_of_names(train), "contents": fingerprint(train)} | more))


@pytest.fixture
def table(tmp_path):
    def load(lines=rows(), header=HEADER, name="a.csv"):  # noqa: B008
        return jaxflow.Table(write(tmp_path / name, lines, header), "big", id="who").load()

    return load


def changes(before, after):
    names = [name for name in before if name != "contents"]
    return describe_changes(before, {name: after[name] for name in names})


def test_the_same_data_has_no_changes(table):
    assert changes(described(table()), described(table(name="b.csv"))) == []


def test_a_new_column_is_named_and_so_is_one_that_is_gone(table):
    plain, wide = described(table()), table([[*row, i % 7] for i, row in enumerate(rows())], (*HEADER, "extra"))
    count = plain["schema"]["inputs"]["shape"][0]
    assert changes(plain, described(wide)) == [f"number of inputs: {count} -> {count + 1}", "columns: new 'extra'"]
    assert changes(described(wide), plain) == [f"number of inputs: {count + 1} -> {count}", "columns: gone 'extra'"]


def test_a_new_category_is_named_before_numbers_that_follow_from_it(table):
    at = HEADER.index("colour")
    lines = [[*row[:at], "mauve", *row[at + 1 :]] if i % 5 == 0 else row for i, row in enumerate(rows())]
    said = changes(described(table()), described(table(lines)))
    assert any(line.startswith("column colour, categories: new 'mauve'") for line in said)
    assert not any("{" in line or len(line) > 160 for line in said)


def test_fewer_examples_are_counted_and_values_told_by_one_column(table):
    before, after = described(table()), described(table(rows()[:-20]))
    said = changes(before, after)
    assert said[0] == f"number of training examples: {before['train_size']} -> {after['train_size']}"
    assert sum("what was fitted to" in line for line in said) == 1
    assert "other training examples" not in said


def test_other_classes_and_kinds_are_named():
    data = [jaxflow.from_arrays({"train": (np.eye(4, 3), [0, 1, 1, 0])}, classes=names) for names in ("ab", "ac")]
    schemas = [{"schema": to_json(each.schema)} for each in data]
    assert describe_changes(*schemas) == ["names of the target: new 'c'; gone 'b'"]
    schemas[0]["schema"]["target"]["names"] = ["c", "a"]
    assert describe_changes(*schemas) == ["names of the target: another order"]


@pytest.fixture
def run(experiment, tmp_path):
    """A run on a table, and its experiment."""
    source = jaxflow.Table(write(tmp_path / "a.csv", rows(), HEADER), "big", id="who")
    own = dataclasses.replace(
        experiment, data=source, model=jaxflow.MLP(hidden=(4,)), preprocess=(), augment=(), epochs=0.2
    )
    jaxflow.train(own, tmp_path / "run")
    return own, tmp_path / "run"


def test_other_data_neither_resumes_nor_replaces_the_report_of_a_run(run, tmp_path):
    own, folder = run
    wide = write(tmp_path / "b.csv", [[*row, i % 7] for i, row in enumerate(rows())], (*HEADER, "extra"))
    other = dataclasses.replace(own, data=dataclasses.replace(own.data, path=wide))
    jaxflow.explore(own, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for act, advice in (
        (jaxflow.explore, "name a --workdir"),
        (jaxflow.train, "--overwrite to start again there"),
        (lambda experiment, workdir: jaxflow.evaluate(workdir, experiment=experiment), "choose another --workdir"),
    ):
        with pytest.raises(jaxflow.UserError, match=rf"the data changed .* columns: new 'extra'.*{advice}"):
            act(other, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert jaxflow.explore(other, tmp_path / "apart")["splits"]


def test_rows_that_came_or_went_leave_the_report_of_a_run(run, tmp_path):
    own, folder = run
    fewer = write(tmp_path / "b.csv", rows()[:-20], HEADER)
    with pytest.raises(jaxflow.UserError, match=r"number of training examples: \d+ -> \d+"):
        jaxflow.explore(dataclasses.replace(own, data=dataclasses.replace(own.data, path=fewer)), folder)
    assert not (folder / "data.json").exists()
