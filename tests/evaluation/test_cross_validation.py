"""All folds of an experiment in one command."""

import json

import numpy as np
import pyarrow.parquet
import pytest
from scipy import stats

from jaxflow.evaluation.cross_validation import Estimate, format_estimate, summarize_folds
from jaxflow.runs.results import values_alone

CONFIG = """
from jaxflow import *

def get_config():
    return Experiment(
        data=Table("points.csv", target="right", id="who", split={split}),
        model=MLP((4,)),
        problem=Classification(),
        optimizer=Adam(learning_rate=0.05),
        epochs=2,
    )
"""


@pytest.fixture
def folder(tmp_path):
    random = np.random.RandomState(0)
    rows = [
        f"r{i},s{i % 4},{x:.4f},{y:.4f},{'yes' if x + y / 3 > 0 else 'no'}"
        for i, (x, y) in enumerate(random.randn(120, 2))
    ]
    (tmp_path / "points.csv").write_text("\n".join(["who,speaker,x,y,right", *rows]) + "\n")
    (tmp_path / "points.py").write_text(CONFIG.format(split="KFold(folds=2, stratify=True, validation=False)"))
    return tmp_path


def test_all_folds_are_run_folders_and_a_summary(folder, command):
    done = command("--config", "points.py", "--folds", "all", cwd=folder)
    assert done.returncode == 0, done.stderr
    runs = folder / "runs" / "points-folds"
    summary = json.loads((runs / "folds.json").read_text())
    every = [json.loads((runs / f"fold-{fold}" / "results.json").read_text())["test"] for fold in range(2)]
    tests = [values_alone(test) for test in every]
    assert summary["folds"] == tests
    tables = [pyarrow.parquet.read_table(runs / f"fold-{fold}" / "predictions" / "test.parquet") for fold in range(2)]
    tested = [name for table in tables for name in table["id"].to_pylist()]
    assert sorted(tested) == sorted(f"r{i}" for i in range(120))  # over all folds each row is tested once
    accuracies = [test["accuracy"] for test in tests]
    found = summary["test"]["accuracy"]
    assert found["mean"] == pytest.approx(np.mean(accuracies))
    assert found["std"] == pytest.approx(np.std(accuracies, ddof=1))
    assert f"test accuracy: {format_estimate(Estimate(**found))}" in done.stdout
    # Launched again, what is done is not done again.
    before = [(runs / f"fold-{fold}" / "predictions" / "test.csv").stat().st_mtime_ns for fold in (0, 1)]
    assert command("--config", "points.py", "--folds=all", cwd=folder).returncode == 0
    assert [(runs / f"fold-{fold}" / "predictions" / "test.csv").stat().st_mtime_ns for fold in (0, 1)] == before
    refused = command("--config", "points.py", "--folds", "all", "--workdir", str(runs / "fold-0"), cwd=folder)
    assert "fold-0 holds a run, and folds are runs in a folder of their own" in refused.stderr
    refused = command("evaluate", "--workdir", str(runs), cwd=folder)
    assert refused.returncode == 2
    assert f"holds folds, each of which is a run folder: name one, --workdir {runs}/fold-0" in refused.stderr


def test_a_metric_that_some_folds_lack_is_of_the_others_and_that_is_said(caplog):
    tests = [{"accuracy": 0.5}, {"accuracy": 0.7, "auroc": 0.6}, {"accuracy": 0.6, "auroc": 0.8, "r2": 0.1}]
    with caplog.at_level("WARNING", logger="jaxflow"):
        found = summarize_folds(tests, 0.5)
    assert {name: each.mean for name, each in found.items()} == pytest.approx({"accuracy": 0.6, "auroc": 0.7})
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "auroc is that of 2 of 3 folds",
        "r2 is that of 1 of 3 folds",
    ]


def test_the_interval_is_nadeau_and_bengios():
    values = np.random.RandomState(0).rand(10)
    plain = summarize_folds([{"loss": value} for value in values], ratio=0.0)["loss"]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)  # without overlap, Student's
    assert (plain.low, plain.high) == pytest.approx(tuple(expected))
    corrected = summarize_folds([{"loss": value} for value in values], ratio=1 / 9)["loss"]
    factor = np.sqrt((1 / 10 + 1 / 9) / (1 / 10))
    assert corrected.high - corrected.mean == pytest.approx(factor * (plain.high - plain.mean))


@pytest.mark.parametrize(
    ("split", "flags", "message"),
    [
        (
            "HoldOut()",
            ("--config", "points.py", "--folds", "all"),
            "needs data.split=KFold(folds=5), and data.split is HoldOut; --data.split=KFold --data.split.folds=5 sets",
        ),
        (
            "KFold()",
            ("--config", "points.py", "--folds", "3"),
            "--folds is 3; it takes all. One fold alone: --data.split.fold=N",
        ),
        ("KFold()", ("--workdir", "runs/x", "--folds", "all"), "--folds needs --config FILE"),
        (
            "KFold()",
            ("train", "--config", "points.py", "--folds", "all"),
            "--folds belongs to (no verb), not to train: leave train out",
        ),
        ("KFold(fold=4, folds=3)", ("--config", "points.py", "--folds", "all"), "fold 4 of 3"),
    ],
)
def test_folds_that_cannot_be_run_are_one_line(folder, command, split, flags, message):
    (folder / "points.py").write_text(CONFIG.format(split=split))
    done = command(*flags, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (folder / "runs").exists()
