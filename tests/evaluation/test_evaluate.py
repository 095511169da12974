import csv
import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

import jaxflow
from jaxflow.reports.figures.curves import even_points
from jaxflow.runs.metrics_log import read_metrics
from jaxflow.training.trained import read_trained
from tests.reports.pages import addresses, count_figures, is_drawn


@pytest.fixture
def trained(experiment, toy, tmp_path):
    jaxflow.train(experiment, tmp_path, dataset=toy)
    return tmp_path


def test_every_test_example_counts_exactly_once(trained, toy):
    results = jaxflow.evaluate(trained, dataset=toy)
    with (trained / "predictions" / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == list(toy.splits["test"].ids)
    accuracy = accuracy_score([row["target"] for row in rows], [row["prediction"] for row in rows])
    assert results["test"]["accuracy"] == pytest.approx(accuracy)


def test_the_moving_average_is_what_is_evaluated(trained, toy):
    run = read_trained(trained)
    images = run.program.structure.transform(toy.splits["test"].inputs)
    variables = run.state.model_state | run.state.ema
    expected = run.experiment.problem.predictions(run.program.model.apply(variables, images))
    jaxflow.evaluate(trained, dataset=toy)
    with (trained / "predictions" / "test.csv").open() as file:
        sureness = [float(row["probability"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(sureness, np.asarray(expected).max(-1), atol=1e-5)


def test_other_classes_are_not_evaluated(trained, toy):
    images, labels = toy.splits["test"].inputs, toy.splits["test"].targets
    renamed = jaxflow.from_arrays({"train": (images, labels), "test": (images, labels)}, classes=["a", "b", "c"])
    with pytest.raises(jaxflow.UserError, match=r"the data changed since .* \(names of the target: new .*'c'"):
        jaxflow.evaluate(trained, dataset=renamed)
    assert not (trained / "predictions").exists()


def test_evaluations_of_the_test_split_are_counted(trained, toy):
    assert [jaxflow.evaluate(trained, dataset=toy)["test_evaluations"] for _ in range(2)] == [1, 2]


def test_the_report_stands_alone(trained, toy):
    jaxflow.evaluate(trained, dataset=toy)
    page = (trained / "report" / "index.html").read_text()
    assert count_figures(page) == 6
    assert addresses(page) == []
    assert "http" not in page.replace("http-equiv", "")
    assert all(is_drawn(trained / "report" / f"{name}.svg") for name in ("curve_1", "curve_2", "confusion"))


def test_a_run_without_a_checkpoint_is_refused(trained, toy, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(jaxflow.UserError, match=r"no experiment\.json"):
        jaxflow.evaluate(empty, dataset=toy)
    (empty / "experiment.json").write_text((trained / "experiment.json").read_text())
    with pytest.raises(jaxflow.UserError, match="has no checkpoint"):
        jaxflow.evaluate(empty, dataset=toy)


def test_a_checkpoint_that_is_not_there_is_named(trained, toy):
    with pytest.raises(jaxflow.UserError, match="no checkpoint '5'; there are 7, 13"):
        jaxflow.evaluate(trained, checkpoint="5", dataset=toy)


def test_a_mean_of_few_steps_is_no_point_of_a_curve():
    epochs = {step: step / 100 for step in range(1000)}
    assert even_points([100, 200, 300], [3.0, 2.0, 1.0], epochs) == [(1, 3.0), (2, 2.0), (3, 1.0)]
    # A validation cuts the second interval at 110, and the end of the run the last one at 302.
    found = even_points([100, 110, 200, 300, 302], [3.0, 9.0, 2.0, 1.0, 7.0], epochs)
    assert found == [(1, 3.0), (2, (10 * 9 + 90 * 2) / 100), (3.02, (100 + 2 * 7) / 102)]
    assert even_points([2], [5.0], epochs) == [(0.02, 5.0)]
    assert even_points([], [], epochs) == []


def test_another_test_split_of_the_same_names_is_said(trained, toy, said):
    jaxflow.evaluate(trained, dataset=toy)
    jaxflow.evaluate(trained, dataset=toy)
    assert "the test split is not the one" not in said()
    test = toy.splits["test"]
    other = jaxflow.ArraySplit(test.inputs, (test.targets + 1) % 3, test.ids)
    jaxflow.evaluate(trained, dataset=dataclasses.replace(toy, splits={**toy.splits, "test": other}))
    assert "the test split is not the one that was evaluated before" in said()


def test_an_earlier_checkpoint_is_named_with_its_own_validation(trained, toy, said):
    first = min(int(path.name) for path in (trained / "checkpoints").iterdir())
    (noted,) = [line for line in read_metrics(trained) if (line["step"], line["split"]) == (first, "validation")]
    results = jaxflow.evaluate(trained, dataset=toy, checkpoint=str(first))
    assert results["test_step"] == first < results["checkpoint_step"]
    assert f"evaluated the checkpoint of step {first}, whose validation was: loss {noted['loss']:.4f}" in said()
    assert f"<td>{noted['accuracy']:.4f}</td>" in (trained / "report" / "index.html").read_text()


def test_a_model_that_is_worse_than_none_is_said(experiment, toy, tmp_path, said):
    labels = {name: split.targets for name, split in toy.splits.items()}
    swapped = jaxflow.ArraySplit(toy.splits["test"].inputs, (labels["test"] + 1) % 3, toy.splits["test"].ids)
    better = dataclasses.replace(experiment, epochs=20, augment=(), optimizer=jaxflow.Adam(1e-2))
    jaxflow.train(better, tmp_path, dataset=toy)
    assert jaxflow.evaluate(tmp_path, dataset=toy)["test"]["accuracy"] > 0.8
    assert "better than" not in said()
    jaxflow.evaluate(tmp_path, dataset=dataclasses.replace(toy, splits={**toy.splits, "test": swapped}))
    assert "the model is no better than always answering the most frequent class: accuracy 0." in said()
