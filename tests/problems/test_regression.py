import csv
import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

import jaxflow
from jaxflow.data.dataset import Feature, Schema, Target
from jaxflow.problems.losses import huber
from jaxflow.problems.metrics import RootMean
from jaxflow.training.setup import read_trained

GENERATOR = np.random.RandomState(0)
OUTPUTS, TARGETS = GENERATOR.randn(9, 2).astype(np.float32), GENERATOR.randn(9, 2).astype(np.float32) * [[3, 50]]
TARGETS = (TARGETS + 7).astype(np.float32)
FITTED = jaxflow.Regression().fit(TARGETS)


def schema(kind="number", names=("a", "b")):
    return Schema(Feature("vector", (3,), "float32"), Target(kind, names))


@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_is_that_of_optax(delta):
    np.testing.assert_allclose(huber(OUTPUTS, delta), optax.losses.huber_loss(OUTPUTS, delta=delta), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared", lambda r: r**2),
        ("absolute", np.abs),
        ("huber", lambda r: np.where(abs(r) < 0.5, r**2 / 2, 0.5 * (abs(r) - 0.25))),
    ],
)
def test_losses_are_means_over_standardised_outputs(loss, expected):
    problem = dataclasses.replace(FITTED, loss=loss, delta=0.5)
    standardised = (TARGETS - TARGETS.mean(0)) / TARGETS.std(0)
    np.testing.assert_allclose(
        problem.losses(OUTPUTS, TARGETS), expected(OUTPUTS - standardised).mean(-1), rtol=1e-4, atol=1e-6
    )


def test_predictions_and_errors_are_in_the_datas_units():
    weights = jnp.array([1, 1, 0, 1, 2, 1, 0, 1, 0.5])
    predictions = FITTED.predictions(OUTPUTS)
    np.testing.assert_allclose(predictions, OUTPUTS * TARGETS.std(0) + TARGETS.mean(0), rtol=1e-5)
    metrics = FITTED.metrics(OUTPUTS, TARGETS, FITTED.losses(OUTPUTS, TARGETS), weights)
    mae = mean_absolute_error(TARGETS, predictions, sample_weight=weights)
    assert float(metrics["mae"].compute()) == pytest.approx(mae, rel=1e-5)
    # scikit-learn's is the mean of each output's root: here it is one root, over all outputs.
    mse = np.average((TARGETS - predictions) ** 2, axis=0, weights=weights).mean()
    assert float(metrics["rmse"].compute()) == pytest.approx(mse**0.5, rel=1e-5)


def test_for_one_output_rmse_is_scikit_learns():
    problem = jaxflow.Regression()
    outputs, targets = OUTPUTS[:, :1], TARGETS[:, :1]
    metrics = problem.metrics(outputs, targets, problem.losses(outputs, targets), jnp.ones(9))
    assert float(metrics["rmse"].compute()) == pytest.approx(root_mean_squared_error(targets, outputs))


def test_metrics_merge_over_batches_and_ignore_padding():
    def metrics(outputs, targets, weights):
        return FITTED.metrics(outputs, targets, FITTED.losses(outputs, targets), weights)

    whole = metrics(OUTPUTS, TARGETS, jnp.ones(9))
    padded = np.concatenate([TARGETS[5:], np.full((3, 2), np.nan, np.float32)])
    padding = np.concatenate([OUTPUTS[5:], np.zeros((3, 2), np.float32)])
    parts = metrics(OUTPUTS[:5], TARGETS[:5], jnp.ones(5)), metrics(padding, padded, jnp.array([1.0] * 4 + [0.0] * 3))
    for name, metric in whole.items():
        assert float(parts[0][name].merge(parts[1][name]).compute()) == pytest.approx(float(metric.compute()))
        assert type(metric.merge(metric)) is type(metric)
    assert float(RootMean.empty().merge(parts[0]["rmse"]).compute()) == float(parts[0]["rmse"].compute())


def test_targets_without_an_axis_of_outputs_are_not_spread():
    problem = jaxflow.Regression()
    np.testing.assert_allclose(
        problem.losses(OUTPUTS[:, :1], TARGETS[:, 0]), (OUTPUTS[:, 0] - TARGETS[:, 0]) ** 2, rtol=1e-5
    )


def test_fit_takes_what_is_not_given():
    np.testing.assert_allclose(FITTED.mean, TARGETS.mean(0), rtol=1e-6)
    np.testing.assert_allclose(FITTED.std, TARGETS.std(0), rtol=1e-6)
    given = jaxflow.Regression(mean=(0.0, 0.0), std=(1.0, 2.0))
    assert given.fit(TARGETS) == given
    constant = jaxflow.Regression().fit(np.full((5, 1), 0.1, np.float32))
    assert constant.std == (1.0,)


def test_the_baseline_is_the_best_constant_for_each_metric():
    train, test = np.array([[0.0], [1.0], [5.0]]), np.array([[2.0], [4.0]])
    assert jaxflow.Regression().baseline(train, test) == {"rmse": pytest.approx(2**0.5), "mae": 2.0}


def test_columns():
    named = FITTED.columns(schema(), OUTPUTS, TARGETS)
    assert list(named) == ["target_a", "target_b", "prediction_a", "prediction_b"]
    np.testing.assert_array_equal(named["target_b"], TARGETS[:, 1])
    assert list(FITTED.columns(schema(names=("a",)), OUTPUTS[:, :1])) == ["prediction"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jaxflow.Regression(delta=0.0), r"problem.delta is 0.0; it must be more than 0"),
        (lambda: jaxflow.Regression(std=(1.0, 0.0)), r"problem.std is \(1.0, 0.0\)"),
        (lambda: jaxflow.Regression(mean=(1.0,)).outputs(schema()), "problem.mean has 1 values for 2 targets"),
        (lambda: jaxflow.Regression().outputs(schema("class")), r"one of 2 classes; use problem=Classification\(\)"),
        (lambda: jaxflow.Classification().outputs(schema()), r"the target is 2 numbers; use problem=Regression\(\)"),
    ],
)
def test_problems_that_do_not_fit_are_refused(make, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make()


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
        validate_epochs=10,
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
    assert set(results["test"]) == {"loss", "rmse", "mae"}
    assert results["test"]["rmse"] < 0.01 * results["baseline"]["rmse"]
    _, column = read(run / "predictions" / "test.csv")
    for name in ("metres", "grams"):
        errors = column(f"prediction_{name}") - column(f"target_{name}")
        assert errors.std() < 0.02 * column(f"target_{name}").std()


def test_the_table_is_what_the_metrics_say(run, numbers):
    table, column = read(run / "predictions" / "test.csv")
    assert [row["id"] for row in table] == list(numbers.splits["test"].ids)
    errors = np.stack([column(f"prediction_{name}") - column(f"target_{name}") for name in ("metres", "grams")])
    test = json.loads((run / "results.json").read_text())["test"]
    assert test["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-2)
    assert test["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-2)


def test_predictions_need_no_training_data_and_are_those_of_the_evaluation(run, numbers, tmp_path):
    np.save(tmp_path / "new.npy", numbers.splits["test"].inputs)
    table, column = read(jaxflow.predict(run, tmp_path / "new.npy", tmp_path / "new.csv"))
    assert list(table[0]) == ["id", "prediction_metres", "prediction_grams"]
    expected = read(run / "predictions" / "test.csv")[1]("prediction_grams")
    np.testing.assert_allclose(column("prediction_grams"), expected, rtol=1e-3, atol=1e-6)
    assert read_trained(run).experiment.problem.mean is None


def test_the_report_shows_predictions_against_truth(run):
    page = (run / "report" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    for name in ("learning_curve", "predicted_against_true", "residuals"):
        with Image.open(run / "report" / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5  # something is drawn


def test_other_training_targets_are_refused(run, experiment, numbers):
    splits = dict(numbers.splits)
    splits["train"] = dataclasses.replace(splits["train"], targets=splits["train"].targets * 2)
    with pytest.raises(jaxflow.UserError, match=r"the data changed .*problem: .*Regression"):
        jaxflow.train(experiment, run, dataset=dataclasses.replace(numbers, splits=splits))


def test_several_devices_measure_what_one_does(experiment, numbers, tmp_path, monkeypatch):
    shorter = dataclasses.replace(experiment, epochs=1, microbatch=8)
    four = jaxflow.train(shorter, tmp_path / "four", dataset=numbers)["validation"]
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:1])
    one = jaxflow.train(shorter, tmp_path / "one", dataset=numbers)["validation"]
    assert four == pytest.approx(one, rel=1e-4)
