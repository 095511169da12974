import dataclasses

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

import jaxflow
from jaxflow.data.dataset import ArraySplit, restored_values, shifted_split
from jaxflow.problems.losses import AbsoluteError, Huber, SquaredError
from jaxflow.problems.metrics.base import metrics_of
from jaxflow.problems.names import with_names
from jaxflow.problems.running_metrics import RootMean
from jaxflow.schema import Feature, Schema, Target
from jaxflow.training.checks.parts import check_problem

GENERATOR = np.random.RandomState(0)
OUTPUTS, TARGETS = GENERATOR.randn(9, 2).astype(np.float32), GENERATOR.randn(9, 2).astype(np.float32) * [[3, 50]]
TARGETS = (TARGETS + 7).astype(np.float32)
FITTED = jaxflow.Regression().fit(TARGETS)


def schema(kind="number", names=("a", "b")):
    return Schema(Feature("vector", (3,), "float32"), Target(kind, names))


@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_is_that_of_optax(delta):
    expected = optax.losses.huber_loss(OUTPUTS, TARGETS, delta=delta).mean(-1)
    np.testing.assert_allclose(Huber(delta)(OUTPUTS, TARGETS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (SquaredError(), lambda r: r**2),
        (AbsoluteError(), np.abs),
        (Huber(0.5), lambda r: np.where(abs(r) < 0.5, r**2 / 2, 0.5 * (abs(r) - 0.25))),
    ],
)
def test_losses_are_means_over_standardised_outputs(loss, expected):
    problem = dataclasses.replace(FITTED, loss=loss)
    standardised = (TARGETS - TARGETS.mean(0)) / TARGETS.std(0)
    np.testing.assert_allclose(
        problem.losses(OUTPUTS, TARGETS), expected(OUTPUTS - standardised).mean(-1), rtol=1e-4, atol=1e-6
    )


def test_predictions_and_errors_are_in_the_datas_units():
    weights = jnp.array([1, 1, 0, 1, 2, 1, 0, 1, 0.5])
    predictions = FITTED.predictions(OUTPUTS)
    np.testing.assert_allclose(predictions, OUTPUTS * TARGETS.std(0) + TARGETS.mean(0), rtol=1e-5)
    metrics = FITTED.running_metrics(OUTPUTS, TARGETS, FITTED.losses(OUTPUTS, TARGETS), weights)
    mae = mean_absolute_error(TARGETS, predictions, sample_weight=weights)
    assert float(metrics["mae"].compute()) == pytest.approx(mae, rel=1e-5)
    # scikit-learn's is the mean of each output's root: here it is one root, over all outputs.
    mse = np.average((TARGETS - predictions) ** 2, axis=0, weights=weights).mean()
    assert float(metrics["rmse"].compute()) == pytest.approx(mse**0.5, rel=1e-5)


def test_for_one_output_rmse_is_scikit_learns():
    problem = jaxflow.Regression()
    outputs, targets = OUTPUTS[:, :1], TARGETS[:, :1]
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), jnp.ones(9))
    assert float(metrics["rmse"].compute()) == pytest.approx(root_mean_squared_error(targets, outputs))


def test_metrics_merge_over_batches_and_ignore_padding():
    def metrics(outputs, targets, weights):
        return FITTED.running_metrics(outputs, targets, FITTED.losses(outputs, targets), weights)

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


def test_values_that_float32_blurs_are_shifted_on_the_host_and_others_are_not():
    seconds = 1.7e9 + 30 * GENERATOR.randn(200, 1)
    both = np.concatenate([seconds, 2000 + 20 * GENERATOR.randn(200, 1)], axis=1)
    fitted = jaxflow.Regression().fit(both)
    assert fitted.shift == (pytest.approx(both[:, 0].mean(), abs=1e-3), 0.0)
    np.testing.assert_allclose(fitted.std, both.std(0), rtol=1e-6)
    split = shifted_split(ArraySplit(np.zeros((200, 1)), both, [str(i) for i in range(200)]), fitted.shift)
    assert split.targets.dtype == np.float32
    assert len(np.unique(split.targets[:, 0])) == 200
    outputs = fitted.losses(jnp.zeros((200, 2)), split.targets)
    np.testing.assert_allclose(outputs, (((both - both.mean(0)) / both.std(0)) ** 2).mean(1), rtol=1e-3, atol=1e-4)
    exact = restored_values(split.targets, fitted.shift)
    np.testing.assert_allclose(exact, both, rtol=0, atol=2e-4)
    assert jaxflow.Regression().fit(TARGETS).shift is None
    assert jaxflow.Regression().fit(TARGETS.astype(np.float64)) == FITTED  # and what needs none stays as it was
    given = jaxflow.Regression(shift=(1.7e9,), mean=(1.7e9 + 1,), std=(2.0,)).fit(seconds)
    assert (given.shift, given.mean, given.std) == ((1.7e9,), (1.0,), (2.0,))


def test_a_split_without_shift_or_origins_stays_itself():
    inputs = np.zeros((2, 1), np.float32)
    for targets in (np.array([0, 1], np.int32), np.array([[0.1], [0.2]], np.float32)):
        split = ArraySplit(inputs, targets, ["a", "b"])
        assert shifted_split(split) is split
    precise = shifted_split(ArraySplit(inputs, np.array([[0.1], [0.2]]), ["a", "b"]))
    np.testing.assert_array_equal(precise.targets, np.array([[0.1], [0.2]], np.float32))
    values = np.array([[1.5]], np.float32)
    assert restored_values(values, None) is values


@dataclasses.dataclass(frozen=True)
class Seen:
    """A loss that holds the spread of the targets that it was fitted to."""

    spread: float = 0.0

    def __call__(self, outputs, targets):
        return jnp.abs(outputs - targets).mean(-1)

    def fit(self, targets):
        return dataclasses.replace(self, spread=float(targets.std(0).mean()))


def test_a_loss_is_fitted_to_what_it_computes_on():
    assert jaxflow.Regression(loss=Seen()).fit(TARGETS).loss.spread == pytest.approx(1.0, rel=1e-5)
    given = jaxflow.Regression(loss=Seen(), std=(2.0, 2.0)).fit(TARGETS)
    assert given.loss.spread == pytest.approx(TARGETS.std(0).mean() / 2, rel=1e-5)


def test_the_baseline_is_the_best_constant_for_each_metric():
    train, test = np.array([[0.0], [1.0], [5.0]]), np.array([[2.0], [4.0]])
    assert jaxflow.Regression().baseline(train, test) == {"rmse": pytest.approx(2**0.5), "mae": 2.0}


def test_columns():
    named = FITTED.prediction_table(schema(), OUTPUTS, TARGETS)
    assert list(named) == ["target_a", "target_b", "prediction_a", "prediction_b"]
    np.testing.assert_array_equal(named["target_b"], TARGETS[:, 1])
    assert list(FITTED.prediction_table(schema(names=("a",)), OUTPUTS[:, :1])) == ["prediction"]


def test_metrics_of_several_columns_are_each_ones():
    problem = dataclasses.replace(with_names(FITTED, schema(names=("price", "area"))), selection_metric="mae/area")
    weights = jnp.array([1, 1, 0, 1, 2, 1, 0, 1, 0.5])
    predictions, losses = FITTED.predictions(OUTPUTS), FITTED.losses(OUTPUTS, TARGETS)
    metrics = problem.running_metrics(OUTPUTS, TARGETS, losses, weights)
    mae = mean_absolute_error(TARGETS, predictions, sample_weight=weights, multioutput="raw_values")
    rmse = root_mean_squared_error(TARGETS, predictions, sample_weight=weights, multioutput="raw_values")
    expected = dict(zip(("mae/price", "mae/area", "rmse/price", "rmse/area"), (*mae, *rmse)))
    expected["loss"] = np.average(losses, weights=weights)
    assert {name: float(metric.compute()) for name, metric in metrics.items()} == pytest.approx(expected, rel=1e-5)
    assert list(metrics) == list(metrics_of(problem))


def test_baselines_of_several_columns_are_each_ones():
    problem = with_names(jaxflow.Regression(), schema(names=("price", "area")))
    train, test = np.array([[0.0, 10], [1, 20], [5, 90]]), np.array([[2.0, 50], [4, 10]])
    one = {name: jaxflow.Regression().baseline(train[:, [i]], test[:, [i]]) for i, name in enumerate(("price", "area"))}
    alone = {f"{metric}/{name}": value for name, scores in one.items() for metric, value in scores.items()}
    assert problem.baseline(train, test) == alone


def test_steps_ahead_of_one_column_are_measured_together():
    ahead = Target("number", ("load+1", "load+2", "heat+1", "heat+2"))
    both = Schema(Feature("series", (5, 2), "float32"), ahead)
    problem = with_names(jaxflow.Regression(), both)
    assert problem.columns == ("load", "load", "heat", "heat")
    assert list(problem.baseline(np.eye(4), np.eye(4))) == ["rmse/load", "rmse/heat", "mae/load", "mae/heat"]
    one = Schema(both.inputs, Target("number", ("load+1", "load+2")))
    assert list(metrics_of(with_names(jaxflow.Regression(), one))) == ["loss", "rmse", "mae"]
    alike = jaxflow.Regression(columns=("euros", "euros"))
    assert with_names(alike, schema()) == alike
    assert list(metrics_of(alike)) == ["loss", "rmse", "mae"]


@pytest.mark.parametrize(
    ("metric", "names", "offered"),
    [
        ("rmse", ("a", "b"), "one of loss, rmse/a, rmse/b, mae/a, mae/b"),
        ("rmse/c", ("a", "b"), "one of loss, rmse/a, rmse/b, mae/a, mae/b"),
        ("rmse/a", ("a",), "one of loss, rmse, mae"),
    ],
)
def test_a_selection_metric_is_one_columns(metric, names, offered):
    problem = jaxflow.Regression(selection_metric=metric)
    with pytest.raises(jaxflow.UserError, match=f"selection_metric is '{metric}'; on this data it is {offered}"):
        check_problem(problem, schema(names=names), TARGETS[:, : len(names)])
    with pytest.raises(jaxflow.UserError, match="selection_metric is 'r/a'"):
        jaxflow.Regression(selection_metric="r/a")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(delta=0.0), r"delta is 0.0; it must be more than 0"),
        (lambda: jaxflow.Regression(std=(1.0, 0.0)), r"Regression.std is \(1.0, 0.0\)"),
        (lambda: jaxflow.Regression(mean=(1.0,)).num_outputs(schema()), "problem.mean has 1 values for 2 targets"),
        (
            lambda: jaxflow.Regression().num_outputs(schema("class")),
            r"one of 2 classes for each example; use problem=BinaryClassification\(\), or Classification\(\)",
        ),
        (
            lambda: jaxflow.Regression().num_outputs(schema("class", ("1", "2", "10"))),
            r"one of 3 classes .*; read it as a number \(--data.task=number; of arrays, .*\), or use problem=",
        ),
        (lambda: jaxflow.Regression(shift=(1.0,)).num_outputs(schema()), "problem.shift has 1 values for 2 targets"),
        (
            lambda: jaxflow.Classification().num_outputs(schema()),
            r"the data has numbers \(a, b\); use problem=Regression\(\)",
        ),
    ],
)
def test_problems_that_do_not_fit_are_refused(make, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make()
