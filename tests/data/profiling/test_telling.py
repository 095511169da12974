"""What alone tells the target is found."""

import numpy as np
import pytest

import jaxflow
from jaxflow import Table
from jaxflow.data.profiling.findings import find_issues
from jaxflow.data.profiling.sample import take_sample
from tests.data.sources.test_table import write

RANDOM = np.random.RandomState(0)


def found(path, target, **fields):
    dataset = Table(path, target, **fields).load()
    issues = find_issues(dataset, {name: take_sample(split) for name, split in dataset.splits.items()})
    return {issue.message.partition(":")[0]: issue for issue in issues}


NOISE = [round(RANDOM.randn(), 3) for _ in range(300)]


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        ({"x": np.arange(300)}, np.arange(300) < 100),  # by a threshold
        ({"x": np.arange(300) * 7 % 300}, np.abs(np.arange(300) * 7 % 300 - 150) < 60),  # by two, without correlation
        ({"x": [["p", "q", "r", "s"][i * 7 % 4] for i in range(300)]}, np.arange(300) * 7 % 4 % 3 == 0),
        ({"x": np.arange(300) * 7 % 300}, (np.arange(300) * 7 % 300 - 150.0) ** 2),
    ],
    ids=["threshold", "interval", "categories", "curve"],
)
def test_a_column_that_tells_the_target_is_a_leak(columns, target, tmp_path):
    rows = [[cell, noise, y] for (cell, noise, y) in zip(columns["x"], NOISE, target)]
    issues = found(write(tmp_path / "a.csv", rows, ["x", "noise", "y"]), "y")
    assert issues["x alone tells the target"].severity == "leak"
    assert "noise alone tells the target" not in issues


def test_the_order_of_rows_may_tell_the_target(tmp_path):
    labels = ["ab"[i // 150] for i in range(300)]
    sorted_ = found(write(tmp_path / "a.csv", list(zip(NOISE, NOISE[::-1], labels)), ["x", "z", "y"]), "y")
    assert sorted_["the order of rows tells the target"].severity == "note"
    shuffled = [labels[i] for i in RANDOM.permutation(300)]
    rows = list(zip(NOISE, NOISE[::-1], shuffled))
    assert "the order of rows tells the target" not in found(write(tmp_path / "b.csv", rows, ["x", "z", "y"]), "y")
    walk = np.cumsum(RANDOM.randn(300)).round(3)
    issues = found(write(tmp_path / "c.csv", list(zip(NOISE, NOISE[::-1], walk)), ["x", "z", "y"]), "y")
    assert "the order of rows tells the target" in issues


def test_rows_are_named_by_their_lines(tmp_path):
    rows = [[NOISE[i], NOISE[-i], "ab"[NOISE[i] > 0]] for i in range(300)]
    rows[7] = [9.0, 9.0, "a"]
    rows[250] = [9.0, 9.0, "b"]
    dataset = Table(write(tmp_path / "a.csv", rows, ["x", "z", "y"]), "y").load()
    issues = find_issues(dataset, {name: take_sample(split) for name, split in dataset.splits.items()})
    contradiction = next(issue for issue in issues if "different targets" in issue.message)
    assert "line 9 (" in contradiction.ids[0]
    assert "line 252 (" in contradiction.ids[0]
    jaxflow.validate(dataset)
