import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import mean_pinball_loss

import jaxflow
from jaxflow.problems.losses import GaussianNLL, Pinball
from jaxflow.schema import Feature, Schema, Target

GENERATOR = np.random.RandomState(0)
TARGETS = (GENERATOR.randn(40, 2) * [[3, 50]] + [[7, -200]]).astype(np.float32)
LEVELS = (0.1, 0.5, 0.75, 0.95)
QUANTILE, GAUSSIAN = jaxflow.QuantileRegression(LEVELS).fit(TARGETS), jaxflow.GaussianRegression().fit(TARGETS)
SCHEMA = Schema(Feature("vector", (3,), "float32"), Target("number", ("a", "b")))
WEIGHTS = jnp.ones(40)


def outputs_of(problem):
    return GENERATOR.randn(40, problem.num_outputs(SCHEMA)).astype(np.float32)


def scored(problem, outputs, targets=TARGETS, weights=WEIGHTS):
    metrics = problem.running_metrics(outputs, targets, problem.losses(outputs, targets), weights)
    return {name: float(metric.compute()) for name, metric in metrics.items()}


def test_pinball_is_scikit_learns_in_the_datas_units():
    outputs = outputs_of(QUANTILE)
    predictions = np.asarray(QUANTILE.predictions(outputs))  # (batch, level, value)
    expected = [
        mean_pinball_loss(TARGETS[:, i], predictions[:, j, i], alpha=level)
        for i in range(2)
        for j, level in enumerate(LEVELS)
    ]
    assert scored(QUANTILE, outputs)["pinball"] == pytest.approx(np.mean(expected), rel=1e-4)


def test_quantiles_never_cross_and_sorting_never_makes_the_loss_larger():
    outputs = outputs_of(QUANTILE)
    predictions = np.asarray(QUANTILE.predictions(outputs))
    assert (np.diff(predictions, axis=1) >= 0).all()
    crossing = Pinball(LEVELS)(outputs.reshape(40, 2, 4), QUANTILE.standardized(TARGETS))
    assert (np.asarray(QUANTILE.losses(outputs, TARGETS)) <= np.asarray(crossing) + 1e-6).all()


def test_the_minimum_of_the_pinball_loss_is_the_quantile():
    values = jnp.array(GENERATOR.exponential(size=(1001, 1)), jnp.float32)
    loss = Pinball((0.2, 0.9))
    for level, column in ((0.2, 0), (0.9, 1)):
        grid = np.linspace(0, 4, 801, dtype=np.float32)
        means = [float(loss.each(jnp.full((1001, 1, 2), point), values)[..., column].mean()) for point in grid]
        assert grid[np.argmin(means)] == pytest.approx(np.quantile(values, level), abs=0.01)


def test_gaussian_likelihoods_are_scipys_in_the_datas_units():
    outputs = outputs_of(GAUSSIAN)
    low, mean, high = np.moveaxis(np.asarray(GAUSSIAN.predictions(outputs), np.float64), 1, 0)
    table = GAUSSIAN.prediction_table(SCHEMA, np.stack([low, mean, high], 1), TARGETS)
    std = np.stack([table["std_a"], table["std_b"]], -1)
    exact = scipy.stats.norm(mean, std)
    metrics = scored(GAUSSIAN, outputs)
    assert metrics["nll"] == pytest.approx(-exact.logpdf(TARGETS).mean(), rel=1e-4)
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.square(mean - TARGETS).mean()), rel=1e-4)
    np.testing.assert_allclose(low, exact.ppf(0.025), rtol=1e-3)
    np.testing.assert_allclose(high, exact.ppf(0.975), rtol=1e-3, atol=1e-2)
    assert metrics["coverage"] == pytest.approx(np.mean((low <= TARGETS) & (high >= TARGETS)))
    losses = GaussianNLL()(jnp.array([[[1.0, 2.0]]]), jnp.array([[3.0]]))
    assert float(losses[0]) == pytest.approx(-scipy.stats.norm(1, 2).logpdf(3))


def test_outputs_of_zero_are_the_training_distribution_which_is_the_baseline():
    zeros = jnp.zeros((40, 4))
    assert scored(GAUSSIAN, zeros)["nll"] == pytest.approx(GAUSSIAN.baseline(TARGETS, TARGETS)["nll"], abs=2e-3)
    quantiles = np.quantile(TARGETS.astype(np.float64), LEVELS, axis=0)  # (level, value)
    raw = ((quantiles - TARGETS.mean(0)) / TARGETS.std(0)).T.reshape(1, -1).repeat(40, 0)
    metrics = scored(QUANTILE, jnp.array(raw, jnp.float32))
    assert metrics["pinball"] == pytest.approx(QUANTILE.baseline(TARGETS, TARGETS)["pinball"], rel=1e-4)
    assert metrics["coverage"] == pytest.approx(0.85, abs=0.06)  # from 10% to 95%, ends included


@pytest.mark.parametrize("problem", [QUANTILE, GAUSSIAN])
def test_losses_and_gradients_are_finite_far_away(problem):
    for far in (1e4, -1e4):
        value, gradient = jax.value_and_grad(lambda x: problem.losses(x, TARGETS).sum())(
            jnp.full((40, outputs_of(problem).shape[1]), far)
        )
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("problem", [QUANTILE, GAUSSIAN])
def test_padding_counts_nowhere(problem):
    outputs = outputs_of(problem)
    padded = np.concatenate([TARGETS[:30], np.full((10, 2), np.nan, np.float32)])
    weights = jnp.array([1.0] * 30 + [0.0] * 10)
    short = scored(problem, outputs[:30], TARGETS[:30], jnp.ones(30))
    assert scored(problem, outputs, padded, weights) == pytest.approx(short, rel=1e-5)


def test_columns():
    one = Schema(SCHEMA.inputs, Target("number", ("a",)))
    named = QUANTILE.prediction_table(SCHEMA, np.arange(16.0).reshape(2, 4, 2), TARGETS[:2])
    assert list(named)[:4] == ["target_a", "target_b", "prediction_a", "prediction_b"]
    assert list(named)[4:9] == ["q10_a", "q50_a", "q75_a", "q95_a", "q10_b"]
    np.testing.assert_array_equal(named["prediction_b"], named["q50_b"])
    assert list(GAUSSIAN.prediction_table(one, np.zeros((2, 3, 1)))) == ["prediction", "std", "low", "high"]


@pytest.mark.parametrize("levels", [(), (0.5, 0.1), (0.5, 0.5)])
def test_quantiles_out_of_order_are_refused(levels):
    with pytest.raises(jaxflow.UserError, match=r"problem.quantiles is .*; give one level or several, ascending"):
        jaxflow.QuantileRegression(levels)


def test_other_mistakes_are_one_line():
    with pytest.raises(jaxflow.UserError, match=r"quantiles is \(0.0, 0.5\)"):
        jaxflow.QuantileRegression((0.0, 0.5))
    classes = dataclasses.replace(SCHEMA, target=Target("class", ("cat", "dog")))
    with pytest.raises(jaxflow.UserError, match=r"problem QuantileRegression predicts numbers.*, or Classification"):
        jaxflow.QuantileRegression().num_outputs(classes)
    with pytest.raises(jaxflow.UserError, match="problem GaussianRegression predicts numbers"):
        jaxflow.GaussianRegression().num_outputs(classes)


@pytest.mark.parametrize("name", ["QuantileRegression", "GaussianRegression"])
def test_a_run_of_values_far_from_0_is_written_and_read(name, tmp_path):
    generator = np.random.RandomState(0)
    inputs = generator.randn(120, 3).astype(np.float32)
    targets = 1.7e9 + 30 * (inputs @ np.array([[1.0], [2.0], [0.0]]) + 0.3 * generator.randn(120, 1))
    parts = {"train": slice(80), "validation": slice(80, 100), "test": slice(100, None)}
    data = jaxflow.from_arrays({part: (inputs[rows], targets[rows]) for part, rows in parts.items()})
    experiment = jaxflow.Experiment(
        jaxflow.Arrays(),
        jaxflow.MLP(hidden=(8,)),
        getattr(jaxflow, name)(),
        jaxflow.Adam(1e-2),
        batch_size=16,
        epochs=30,
    )
    jaxflow.train(experiment, tmp_path / "run", dataset=data)
    results = jaxflow.evaluate(tmp_path / "run", dataset=data)
    main = "pinball" if name.startswith("Q") else "nll"
    assert results["test"][main] < results["baseline"][main]
    run = jaxflow.load_run(tmp_path / "run")
    made = run.predict(inputs[100:])  # (example, level, value)
    assert made.dtype == np.float64
    assert np.abs(made - targets[100:, None]).max() < 200
    table = (tmp_path / "run" / "predictions" / "test.csv").read_text().splitlines()[0]
    assert table.startswith("id,target,prediction,")
