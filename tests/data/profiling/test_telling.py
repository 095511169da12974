"""What alone tells the target is found."""

import numpy as np
import pytest

import jaxflow
from jaxflow import Table
from jaxflow.data.profiling.findings import find_issues
from jaxflow.data.profiling.raw_columns import profile_raw_columns
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


def test_what_tells_one_of_several_targets_names_it_whatever_their_units(tmp_path):
    x, z = np.arange(300) * 7 % 300, np.arange(300) * 11 % 300
    price, area = 1e6 * RANDOM.rand(300), (x - 150.0) ** 2 / 1e4  # the errors of one are nothing beside the other's
    header = ["x", "z", "noise", "price", "area", "width"]
    rows = list(zip(x, z, NOISE, price, area, 2.0 * z))
    issues = found(write(tmp_path / "a.csv", rows, header), ("price", "area", "width"))
    leaks = {message for message, issue in issues.items() if issue.severity == "leak"}
    assert leaks == {"x alone tells target area", "z all but tells target width (correlation 1.000)"}


def test_what_tells_one_of_several_labels_names_it(tmp_path):
    x = np.arange(300) * 7 % 300
    rows = list(zip(x, NOISE, (RANDOM.rand(300) < 0.5).astype(int), (np.abs(x - 150) < 60).astype(int)))
    issues = found(write(tmp_path / "a.csv", rows, ["x", "noise", "red", "round"]), ("red", "round"))
    assert [name for name, issue in issues.items() if issue.severity == "leak"] == ["x alone tells target round"]
    by_line = sorted(rows, key=lambda row: row[2])
    issues = found(write(tmp_path / "b.csv", by_line, ["x", "noise", "red", "round"]), ("red", "round"))
    assert "the order of rows tells target red" in issues


def test_what_is_made_of_one_column_or_tells_the_target_is_not_told_as_one_of_two(tmp_path):
    days = [f"2023-{1 + row % 12:02}-{1 + row % 28:02}" if row % 2 else "" for row in range(300)]
    status = [("left", "stayed")[(row * 7 % 300) < 150] for row in range(300)]
    lines = [(x, day, each, each.upper()) for x, day, each in zip(NOISE, days, status)]
    told = found(write(tmp_path / "a.csv", lines, ["noise", "seen", "status", "refund"]), "status")
    assert not [message for message in told if "say the same" in message]
    dataset = Table(str(tmp_path / "a.csv"), "status").load()
    raw = profile_raw_columns(Table(str(tmp_path / "a.csv"), "status").raw_columns(dataset))[1]
    assert not [issue.message for issue in raw if "say the same" in issue.message]


def test_the_advice_for_what_is_often_missing_fits_the_kind_of_column(tmp_path):
    lines = [(x, x if i % 2 else "", "ab"[i % 3 % 2] if i % 5 < 2 else "", i % 2) for i, x in enumerate(NOISE)]
    issues = find_issues(
        dataset := Table(write(tmp_path / "a.csv", lines, ["noise", "size", "cabin", "y"]), "y").load(),
        {name: take_sample(split) for name, split in dataset.splits.items()},
    )
    advice = {issue.message.split()[0]: issue.advice for issue in issues if "is missing in" in issue.message}
    assert "Number(indicator=True)" in advice["size"]
    assert "Number" not in advice["cabin"]
