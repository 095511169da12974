"""Several targets of one run: each has metrics of its own, from the log to the report."""

import csv
import json

import numpy as np
import pytest

import jaxflow
from tests.data.sources.test_table import write


def test_each_of_several_targets_is_measured_and_may_choose_the_best(tmp_path):
    random = np.random.RandomState(0)
    inputs = random.randn(120, 2).round(3)
    rows = [[a, b, round(1e5 + 3e4 * a, 1), round(50 + 5 * b, 3)] for a, b in inputs]
    experiment = jaxflow.Experiment(
        data=jaxflow.Table(write(tmp_path / "a.csv", rows, ["a", "b", "price", "area"]), ("price", "area")),
        model=jaxflow.MLP(),
        problem=jaxflow.Regression(selection_metric="rmse/price"),
        optimizer=jaxflow.Adam(),
        epochs=2,
        batch_size=16,
    )
    jaxflow.train(experiment, tmp_path / "run")
    results = jaxflow.evaluate(tmp_path / "run", checkpoint="best")
    names = {"rmse/price", "rmse/area", "mae/price", "mae/area"}
    assert set(results["validation"]) == {"loss", *names}
    assert {"loss", *names} < set(results["test"])
    assert set(results["baseline"]) == names
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(names < set(line) for line in lines if line["split"] == "validation")
    best = min(line["rmse/price"] for line in lines if line["split"] == "validation")
    assert results["validation"]["rmse/price"] == pytest.approx(best)
    with open(tmp_path / "run" / "predictions" / "test.csv", newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    errors = {
        name: np.array([float(row[f"target_{name}"]) - float(row[f"prediction_{name}"]) for row in told])
        for name in ("price", "area")
    }
    for name, error in errors.items():
        assert results["test"][f"rmse/{name}"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
        assert results["test"][f"mae/{name}"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    page = (tmp_path / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert all(f'<th scope="row">{name}</th>' in page for name in names)
