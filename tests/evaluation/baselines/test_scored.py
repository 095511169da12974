import json

import numpy as np

import jaxflow
from jaxflow.evaluation.baselines import scored


def test_simple_models_stand_beside_the_model_that_they_beat(tmp_path, caplog, monkeypatch):
    random = np.random.RandomState(0)
    rows = [f"{x:.4f},{y:.4f},{3 * x - y:.4f}" for x, y in random.randn(200, 2)]
    (tmp_path / "a.csv").write_text("\n".join(["x,y,z", *rows]))
    experiment = jaxflow.Experiment(
        data=jaxflow.Table(str(tmp_path / "a.csv"), "z"),
        model=jaxflow.MLP(hidden=()),
        problem=jaxflow.Regression(),
        optimizer=jaxflow.Adam(learning_rate=1e-4),
        epochs=1,
        batch_size=16,
    )
    jaxflow.train(experiment, tmp_path / "run")
    with caplog.at_level("WARNING", "jaxflow"):
        results = jaxflow.evaluate(tmp_path / "run", baselines=20.0)
    assert list(results["baselines"]) == ["mean", "median", "linear regression", "gradient boosting"]
    assert results["baseline_notes"] == {}
    assert results["baselines"]["linear regression"]["rmse"] < 0.05 < results["test"]["rmse"]
    assert "the model is no better than linear regression: rmse" in caplog.text
    monkeypatch.setattr(scored, "fit_simple_models", None)
    again = jaxflow.evaluate(tmp_path / "run")  # what was fitted once is kept
    assert again["baselines"] == results["baselines"]
    assert json.loads((tmp_path / "run" / "results.json").read_text())["baselines"] == results["baselines"]
