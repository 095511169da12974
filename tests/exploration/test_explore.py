import dataclasses
import json
from functools import partial

import pytest

import jaxflow
from jaxflow import Table
from tests.data.sources.test_table import HEADER, rows, write
from tests.reports.pages import addresses, count_figures


def test_explore_leaves_numbers_and_a_page_that_needs_no_network(experiment, toy, tmp_path):
    described = jaxflow.explore(experiment, tmp_path / "run", dataset=toy)
    assert json.loads((tmp_path / "run" / "data.json").read_text()) == described
    assert [split["examples"] for split in described["splits"].values()] == [50, 13, 11]
    page = (tmp_path / "run" / "report" / "data.html").read_text()
    assert count_figures(page) == 4  # targets, examples, augmentations, distributions
    assert addresses(page) == []


@pytest.mark.parametrize("name", ["data.json", "report/thesis.tex", "notes.txt"])
def test_files_of_others_are_neither_replaced_nor_removed(name, experiment, toy, tmp_path):
    own = tmp_path / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    for act in (jaxflow.explore, partial(jaxflow.train, overwrite=True)):
        with pytest.raises(jaxflow.UserError, match="is not empty and no run folder"):
            act(experiment, tmp_path, dataset=toy)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"


@pytest.mark.slow
def test_a_run_can_begin_where_its_data_was_explored(experiment, toy, tmp_path):
    short = dataclasses.replace(experiment, epochs=0.2)
    jaxflow.explore(short, tmp_path / "run", dataset=toy)
    jaxflow.train(dataclasses.replace(short, seed=5), tmp_path / "run", dataset=toy)  # not the experiment explored
    assert (tmp_path / "run" / "report" / "data.html").exists()
    before = (tmp_path / "run" / "experiment.json").read_bytes()
    jaxflow.explore(short, tmp_path / "run", dataset=toy)
    assert (tmp_path / "run" / "experiment.json").read_bytes() == before


@pytest.mark.parametrize("target", ["big", "size"])
def test_a_table_is_described_column_by_column(target, experiment, tmp_path):
    table = Table(write(tmp_path / "a <table>.csv", rows(), HEADER), target, id="who")
    described = jaxflow.explore(dataclasses.replace(experiment, data=table, augment=()), tmp_path / "run")
    kinds = {column["name"]: column["kind"] for column in described["columns"]}
    expected = {"size": "number", "colour": "onehot", "new": "number", "day": "date", "big": "number"}
    del expected[target]
    assert kinds == expected
    if target == "big":
        missing = {column["name"]: column["missing"] for column in described["columns"]}
        assert 0.03 < missing["size"] < 0.2
        assert missing["colour"] == 0
        assert not [finding for finding in described["findings"] if finding["severity"] == "leak"]
    page = (tmp_path / "run" / "report" / "data.html").read_text()
    assert "colour = green" in page
    raw = {column["name"]: column for column in described["raw_columns"]}
    assert raw.keys() == expected.keys() | {target}
    assert [name for name, column in raw.items() if column["target"]] == [target]
    assert "Columns as the file has them" in page
    assert f"<td>{raw['size']['q95']:.8g}</td>" in page  # in its own units
