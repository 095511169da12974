"""Transforms of targets: as scikit-learn has them, undone in predictions, and measured in the target's own units."""

import csv

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

import jaxflow
from jaxflow.data import numbers
from jaxflow.problems.target_transforms import fit_quantiles, restored, transformed
from jaxflow.schema import Feature, Schema, Target
from jaxflow.training.checks.parts import check_problem
from tests.data.sources.test_table import write

RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.randn(3000, 2)
TARGETS = np.exp(2 * INPUTS[:, :1] + 5 + 0.3 * RANDOM.randn(3000, 1)) - 20


def symmetric_log(values):
    return np.sign(values) * np.log1p(np.abs(values))


def symmetric_exp(values):
    return np.sign(values) * np.expm1(np.abs(values))


def sklearns(transform):
    if transform == "log":
        return FunctionTransformer(symmetric_log, symmetric_exp)
    return QuantileTransformer(output_distribution="normal", subsample=None)


@pytest.mark.parametrize("transform", ["log", "quantile"])
def test_a_linear_model_of_transformed_targets_predicts_as_scikit_learns(transform):
    expected = TransformedTargetRegressor(LinearRegression(), transformer=sklearns(transform)).fit(INPUTS, TARGETS)
    problem = jaxflow.Regression(transform=transform).fit(TARGETS)
    outputs = LinearRegression().fit(INPUTS, standardised(problem, TARGETS)).predict(INPUTS)
    predictions = problem.predictions(jnp.array(outputs, jnp.float32))
    np.testing.assert_allclose(predictions, expected.predict(INPUTS).reshape(-1, 1), rtol=2e-3, atol=0.02)


def standardised(problem, targets):
    names = (problem.transform,)
    values = transformed(np.asarray(targets, np.float64), names, problem.quantiles or ((),))
    return (values - problem.mean) / problem.std


@pytest.mark.parametrize("transform", ["none", "log", "quantile"])
def test_losses_are_of_transformed_targets_and_errors_in_their_own_units(transform):
    targets = TARGETS[:50].astype(np.float32)
    problem = jaxflow.Regression(transform=transform).fit(TARGETS)
    outputs = RANDOM.randn(50, 1).astype(np.float32)
    expected = (outputs - standardised(problem, targets))[:, 0] ** 2
    np.testing.assert_allclose(problem.losses(outputs, targets), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        problem.errors(outputs, targets), problem.predictions(outputs) - targets, rtol=1e-3, atol=1e-2
    )


@pytest.mark.parametrize("transform", ["log", "quantile"])
def test_host_and_device_transform_as_numbers_of_a_table_are(transform):
    column = TARGETS[:, 0].round(1)  # some are equal
    quantiles = fit_quantiles(column) if transform == "quantile" else ()
    expected = numbers.transformed(column, transform, quantiles)
    for values, precision in ((column, 1e-9), (jnp.array(column, jnp.float32), 2e-3)):
        found = transformed(values[:, None], (transform,), (quantiles,))[:, 0]
        np.testing.assert_allclose(found, expected, rtol=precision, atol=precision)
    back = restored(jnp.array(expected[:, None], jnp.float32), (transform,), (quantiles,))[:, 0]
    np.testing.assert_allclose(back, column, rtol=1e-3, atol=0.05)


def test_a_logarithm_of_what_float32_has_not_stays_finite():
    found = np.asarray(restored(jnp.array([[-1e30], [-100.0], [80.0], [100.0]]), ("log",), ((),)))[:, 0]
    assert np.isfinite(found).all()
    assert found[0] == found[1] == -found[3] < -1e38
    assert found[2] == pytest.approx(np.expm1(80.0), rel=1e-5)


def test_each_target_has_a_transform_of_its_own():
    both = np.hstack([TARGETS, TARGETS, TARGETS])
    mixed = jaxflow.Regression(transform=("log", "none", "quantile")).fit(both)
    outputs = RANDOM.randn(9, 3).astype(np.float32)
    for place, transform in enumerate(mixed.transform):
        alone = jaxflow.Regression(transform=transform).fit(TARGETS)
        one = slice(place, place + 1)
        part = mixed.part(np.array([place]))
        for problem, some in ((alone, outputs[:, one]), (part, outputs[:, one])):
            np.testing.assert_allclose(mixed.predictions(outputs)[:, one], problem.predictions(some), rtol=1e-5)
            errors = mixed.errors(outputs, both[:9].astype(np.float32))[:, one]
            np.testing.assert_allclose(errors, problem.errors(some, TARGETS[:9].astype(np.float32)), rtol=1e-5)


def test_ranks_do_not_change_with_a_shift():
    seconds = 1.6e9 + RANDOM.rand(500, 1) * 1000
    problem = jaxflow.Regression(transform="quantile").fit(seconds)
    assert problem.shift is not None
    plain = jaxflow.Regression(transform="quantile").fit(seconds - 1.6e9)
    outputs = RANDOM.randn(9, 1).astype(np.float32)
    shifted = np.asarray(problem.predictions(outputs)) + problem.shift - 1.6e9
    np.testing.assert_allclose(shifted, plain.predictions(outputs), rtol=1e-3, atol=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jaxflow.Regression(transform="sqrt"), "problem.transform is 'sqrt'; it is 'none', 'log' or 'quant"),
        (lambda: jaxflow.Regression(transform=["log"]), "problem.transform is ['log']"),
        (lambda: fitted(jaxflow.Regression(transform=("log",) * 2)), "problem.transform has 2 values for 1 targets"),
        (
            lambda: jaxflow.Regression(transform="quantile").predictions(jnp.ones((2, 1))),
            "fit(train.targets) finds",
        ),
        (lambda: fitted(jaxflow.Regression(transform="log"), 1.6e9), "target 1 of 1 is learned less 1.6e+09"),
    ],
)
def test_transforms_that_do_not_fit_are_refused(make, message):
    with pytest.raises(jaxflow.UserError) as error:
        make()
    assert message in str(error.value)


def fitted(problem, origin=0.0):
    schema = Schema(Feature("vector", (2,), "float32"), Target("number", ("y",)))
    return check_problem(problem, schema, origin + RANDOM.rand(50, 1))


@pytest.mark.parametrize("transform", [pytest.param("log", marks=pytest.mark.slow), "quantile"])
def test_a_run_measures_and_predicts_in_the_targets_own_units(tmp_path, transform):
    rows = [[*map(str, each), str(y)] for each, y in zip(INPUTS[:200].round(3), TARGETS[:200, 0].round(3))]
    experiment = jaxflow.Experiment(
        jaxflow.Table(write(tmp_path / "a.csv", rows, ["a", "b", "y"]), "y", task="number"),
        jaxflow.MLP(),
        jaxflow.Regression(transform=transform),
        jaxflow.Adam(),
        epochs=2,
        batch_size=16,
    )
    jaxflow.train(experiment, tmp_path / "run")
    results = jaxflow.evaluate(tmp_path / "run")
    with open(tmp_path / "run" / "predictions" / "test.csv", newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    targets = np.array([float(row["target"]) for row in told])
    assert all(np.isclose(TARGETS[:200, 0], target, rtol=1e-5, atol=1e-3).any() for target in targets)
    errors = targets - np.array([float(row["prediction"]) for row in told])
    assert results["test"]["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-3)
    assert results["baseline"]["rmse"] > 100
    inputs = np.stack([[0.0, 0.0], [4.0, 0.0]]).astype(np.float32)
    predicted = jaxflow.load_run(tmp_path / "run").predict(inputs)
    assert TARGETS.min() < predicted.min() < predicted.max()
    assert predicted.max() > 100
