"""Runs of version 0.1 (tests/old_runs, written by make.py there) are evaluated, used and resumed by today's code."""

import csv
import json
import shutil

import jax
import pytest

import jaxflow
from jaxflow.runs.folder import read_experiment
from tests.conftest import ROOT

OLD = ROOT / "tests" / "old_runs"
NAMES = sorted(path.name for path in OLD.iterdir() if (path / "run").is_dir())


@pytest.fixture
def old(monkeypatch, tmp_path):
    """Returns a copy of a run's folder, and makes it the current one, on the one device that the runs had."""
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])

    def copied(name):
        folder = shutil.copytree(OLD / name, tmp_path / name)
        monkeypatch.chdir(folder)
        return folder

    return copied


def same(found, recorded, rel=1e-5):
    """Metrics as they were recorded, as far as another processor rounds the same."""
    assert found.keys() == recorded.keys()
    for name, value in recorded.items():
        assert found[name] == pytest.approx(value, rel=rel, abs=1e-6), name


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", [name for name in NAMES if (OLD / name / "run" / "results.json").exists()])
def test_evaluation_gives_the_recorded_metrics(name, old):
    folder = old(name)
    recorded = json.loads((folder / "run" / "results.json").read_text())
    results = jaxflow.evaluate(folder / "run")
    assert results["test_evaluations"] == recorded["test_evaluations"] + 1
    # A series was compared with the best constant, and now is with its last value and its last season.
    for part in ("validation", "test", *(() if "baselines" in results else ("baseline",))):
        same({name: results[part][name] for name in recorded[part]}, recorded[part])


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_the_recorded_ones(name, old):
    folder = old(name)
    recorded = read(folder / "predicted.csv")
    found = read(jaxflow.predict(folder / "run", next(folder.glob("new.*")), folder / "found.csv"))
    numbered = all(row["id"] == str(number) for number, row in enumerate(recorded))  # these are named by line now
    assert len(found) == len(recorded)
    for row, expected in zip(found, recorded):
        if numbered and row["id"].startswith("line "):
            expected = {name: cell for name, cell in expected.items() if name != "id"}
        assert row.keys() >= expected.keys()
        for column, text in expected.items():
            try:
                assert float(row[column]) == pytest.approx(float(text), abs=2e-6)
            except ValueError:
                assert row[column] == text


def test_a_series_of_before_is_the_same_data(old):
    folder = old("prices")
    results = jaxflow.train(read_experiment(folder / "run"), folder / "run")  # which compares what it was trained on
    assert results["checkpoint_step"] == results["steps"]


def test_a_stopped_run_goes_on_to_much_what_the_unbroken_one_gave(old):
    folder = old("digits")
    before = len((folder / "run" / "metrics.jsonl").read_text().splitlines())
    assert not (folder / "run" / "results.json").exists()
    recorded = json.loads((folder / "unbroken.json").read_text())
    results = jaxflow.train(read_experiment(folder / "run"), folder / "run")
    assert results["steps"] == recorded["steps"]
    assert len((folder / "run" / "metrics.jsonl").read_text().splitlines()) > before
    # Random numbers go by row since then, and the moving average is debiased: the same up to what these change.
    for split, metrics in (("validation", results), ("test", jaxflow.evaluate(folder / "run"))):
        assert metrics[split]["loss"] == pytest.approx(recorded[split]["loss"], rel=0.02)
