"""A table with several labels in a cell: trained, evaluated, read back and predicted."""

import csv
import dataclasses

import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow import metrics

NAMES = ("big", "odd", "warm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("labels")
    generator = np.random.RandomState(0)
    lines = ["a,b,c,tags"]
    for a, b in generator.randn(150, 2):
        held = {"big": a > 0, "odd": a + b < -0.5, "warm": b + 0.5 * generator.randn() > 0}
        lines.append(f"{a:.3f},{b:.3f},{generator.choice(('x', 'y'))},{';'.join(n for n in NAMES if held[n]) or ';'}")
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    (root / "new.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines[:3]) + "\n")
    (root / "one.csv").write_text("a,b,c\n3,-3,x\n")
    experiment = jaxflow.Experiment(
        data=jaxflow.Table(str(root / "table.csv"), target="tags", task="labels"),
        preprocess=(),
        model=jaxflow.MLP(hidden=(16,)),
        problem=jaxflow.MultiLabel(
            metrics=(metrics.Accuracy(), metrics.F1("macro"), metrics.AUROC(), metrics.LogLoss()),
            selection_metric="f1",
            threshold=(0.5, 0.9, 0.4),
        ),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=32,
        epochs=20,
    )
    jaxflow.train(experiment, root / "run")
    return root


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_results_are_those_of_the_table_of_predictions(folder):
    results = jaxflow.evaluate(folder / "run")
    rows = rows_of(folder / "run" / "predictions" / "test.csv")
    true, answered, p = (
        np.array([[float(row[f"{part}_{name}"]) for name in NAMES] for row in rows])
        for part in ("target", "prediction", "p")
    )
    assert (answered == (p >= (0.5, 0.9, 0.4))).all()
    test = results["test"]
    assert test["accuracy"] == pytest.approx(np.mean(true == answered), rel=1e-6)
    assert test["f1"] == pytest.approx(sklearn.metrics.f1_score(true, answered, average="macro"), abs=1e-9)
    assert test["auroc"] == pytest.approx(sklearn.metrics.roc_auc_score(true, p), abs=2e-3)
    assert test["accuracy"] > results["baseline"]["accuracy"]


def test_new_rows_are_predicted_in_tables_submissions_and_words(folder, caplog):
    caplog.set_level("INFO", logger="jaxflow")
    rows = rows_of(jaxflow.predict(folder / "run", folder / "new.csv", folder / "out.csv"))
    assert list(rows[0]) == ["id", *(f"{part}_{name}" for name in NAMES for part in ("prediction", "p"))]
    asked = rows_of(jaxflow.predict(folder / "run", folder / "new.csv", folder / "warm.csv", submission="warm"))
    assert [float(row["label"]) for row in asked] == pytest.approx([float(row["p_warm"]) for row in rows], abs=1e-6)
    jaxflow.predict(folder / "run", folder / "one.csv", folder / "out.csv")
    assert "line 2: big " in caplog.text
    with pytest.raises(jaxflow.UserError, match="cold is no class or label of this model; it has big, odd, warm"):
        jaxflow.predict(folder / "run", folder / "new.csv", folder / "out.csv", submission="cold")


def test_a_threshold_too_few_is_one_line(folder, tmp_path):
    experiment = jaxflow.Experiment(
        data=jaxflow.Table(str(folder / "table.csv"), target="tags", task="labels"),
        model=jaxflow.MLP(hidden=(4,)),
        problem=jaxflow.MultiLabel(threshold=(0.5, 0.9)),
        optimizer=jaxflow.Adam(),
        batch_size=32,
        epochs=1,
    )
    with pytest.raises(jaxflow.UserError, match="has 2 numbers, and there are 3 labels: big, odd, warm; give one"):
        jaxflow.train(experiment, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()
    classes = dataclasses.replace(experiment, problem=jaxflow.Classification())
    with pytest.raises(jaxflow.UserError, match=r"several labels at once \(big, odd, warm\); use problem=MultiLabel"):
        jaxflow.train(classes, tmp_path / "other")
