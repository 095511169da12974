"""Targets that are numbers, from training to the tables and figures of evaluation and prediction."""

import csv
import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.training.trained import read_trained
from tests.reports.pages import count_figures, is_drawn


def plane(size, seed):
    """Inputs, and two numbers linear in them, on scales far apart."""
    inputs = np.random.RandomState(seed).randn(size, 3).astype(np.float32)
    return inputs, inputs @ np.array([[300.0, 0], [0, 2e-3], [0, 1e-3]], np.float32) + [1e3, 0]


@pytest.fixture(scope="module")
def numbers():
    return jaxflow.from_arrays(
        {"train": plane(192, 0), "validation": plane(21, 1), "test": plane(35, 2)}, numbers=("metres", "grams")
    )


@pytest.fixture(scope="module")
def experiment():
    return jaxflow.Experiment(
        data=jaxflow.Digits(),
        model=jaxflow.MLP(hidden=()),
        problem=jaxflow.Regression(),
        optimizer=jaxflow.Adam(3e-2),
        batch_size=32,
        epochs=20,
        validate_every_epochs=10,
    )


@pytest.fixture(scope="module")
def run(experiment, numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    jaxflow.train(experiment, folder, dataset=numbers)
    jaxflow.evaluate(folder, dataset=numbers)
    return folder


def read(path):
    with path.open() as file:
        table = list(csv.DictReader(file))
    return table, lambda name: np.array([float(row[name]) for row in table])


def test_a_line_is_learned_on_any_scale(run):
    results = json.loads((run / "results.json").read_text())
    assert set(results["baseline"]) == {"rmse/metres", "rmse/grams", "mae/metres", "mae/grams"} < set(results["test"])
    for name, value in results["baseline"].items():
        assert results["test"][name] < 0.02 * value
    _, column = read(run / "predictions" / "test.csv")
    for name in ("metres", "grams"):
        errors = column(f"prediction_{name}") - column(f"target_{name}")
        assert errors.std() < 0.02 * column(f"target_{name}").std()


def test_the_table_is_what_the_metrics_say(run, numbers):
    table, column = read(run / "predictions" / "test.csv")
    assert [row["id"] for row in table] == list(numbers.splits["test"].ids)
    errors = np.stack([column(f"prediction_{name}") - column(f"target_{name}") for name in ("metres", "grams")])
    test = json.loads((run / "results.json").read_text())["test"]
    for name, error in zip(("metres", "grams"), errors):
        assert test[f"rmse/{name}"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-2)
        assert test[f"mae/{name}"] == pytest.approx(np.abs(error).mean(), rel=1e-2)


def test_predictions_need_no_training_data_and_are_those_of_the_evaluation(run, numbers, tmp_path):
    np.save(tmp_path / "new.npy", numbers.splits["test"].inputs)
    table, column = read(jaxflow.predict(run, tmp_path / "new.npy", tmp_path / "new.csv"))
    assert list(table[0]) == ["id", "prediction_metres", "prediction_grams"]
    expected = read(run / "predictions" / "test.csv")[1]("prediction_grams")
    np.testing.assert_allclose(column("prediction_grams"), expected, rtol=1e-3, atol=1e-6)
    assert read_trained(run).experiment.problem.mean is None


def test_the_report_shows_predictions_against_truth(run):
    page = (run / "report" / "index.html").read_text()
    names = {path.stem for path in (run / "report").glob("*.svg")}
    assert {"curve_1", "predicted_against_true", "residuals"} <= names
    assert count_figures(page) == len(names)
    assert all(is_drawn(run / "report" / f"{name}.svg") for name in names)


def test_other_training_targets_are_refused(run, experiment, numbers):
    splits = dict(numbers.splits)
    splits["train"] = dataclasses.replace(splits["train"], targets=splits["train"].targets * 2)
    with pytest.raises(jaxflow.UserError, match=r"the data changed .*problem\.mean: "):
        jaxflow.train(experiment, run, dataset=dataclasses.replace(numbers, splits=splits))


def test_several_devices_measure_what_one_does(experiment, numbers, tmp_path, monkeypatch):
    shorter = dataclasses.replace(experiment, epochs=1, microbatch=8)
    four = jaxflow.train(shorter, tmp_path / "four", dataset=numbers)["validation"]
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    one = jaxflow.train(shorter, tmp_path / "one", dataset=numbers)["validation"]
    assert four == pytest.approx(one, rel=1e-4)
