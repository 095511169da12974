import numpy as np
import pytest
import sklearn.metrics as reference

from jaxflow.evaluation.metrics.scores import each_example, units_of
from jaxflow.evaluation.metrics.values import forecast_scores, quantile_scores, value_scores


def values(found, counts):
    return {name: value for family in found for name, value in zip(family.names, family.of(counts)[0])}


@pytest.mark.parametrize("far", [0.0, 1e7])
def test_errors_are_scikit_learns_of_each_target_and_resample(far):
    random = np.random.default_rng(0)
    targets = random.normal(size=(120, 3)) + far
    predictions = targets + random.normal(size=(120, 3))
    units = units_of(random.integers(20, size=120), "group")
    counts = random.integers(1, 3, size=units.count).astype(float)
    found = values(value_scores(targets, predictions, {"/a": [0], "/both": [1, 2]}, units), counts[None])
    weights = {"sample_weight": counts[units.index]}
    for end, chosen in (("/a", [0]), ("/both", [1, 2])):
        pair = targets[:, chosen], predictions[:, chosen]
        expected = {
            "rmse": np.sqrt(reference.mean_squared_error(*pair, **weights)),
            "mae": reference.mean_absolute_error(*pair, **weights),
            "mape": reference.mean_absolute_percentage_error(*pair, **weights),
            "r2": reference.r2_score(*pair, **weights),
        }
        for name, value in expected.items():
            assert found[name + end] == pytest.approx(value, abs=1e-9), name


def test_r2_of_a_constant_is_not_defined():
    found = values(value_scores(np.ones((5, 1)), np.zeros((5, 1)), {"": [0]}, each_example(5)), np.ones((1, 5)))
    assert found["rmse"] == 1
    assert np.isnan(found["r2"])


def test_pinball_is_scikit_learns_and_coverage_a_share():
    random = np.random.default_rng(0)
    targets, levels = random.normal(size=(200, 1)), (0.1, 0.5, 0.9)
    quantiles = np.broadcast_to(np.array([-1.2, 0.1, 1.3])[None, :, None], (200, 3, 1))
    found = values([quantile_scores(targets, quantiles, levels, each_example(200))], np.ones((1, 200)))
    losses = [reference.mean_pinball_loss(targets, quantiles[:, i], alpha=a) for i, a in enumerate(levels)]
    assert found["pinball"] == pytest.approx(np.mean(losses), abs=1e-12)
    assert found["coverage"] == pytest.approx(((targets >= -1.2) & (targets <= 1.3)).mean())
    assert found["below_0.5"] == pytest.approx((targets <= 0.1).mean())


def test_forecasts_are_measured_by_the_naive_one_and_by_step():
    targets = np.array([[1.0, 2.0], [3.0, 4.0]])
    predictions, naive = targets + np.array([[1.0, 2.0], [-1.0, 2.0]]), targets + 3.0
    found = values(forecast_scores(targets, predictions, naive, {"": [0, 1]}, each_example(2)), np.ones((1, 2)))
    assert found["mase"] == pytest.approx(1.5 / 3)
    assert (found["rmse_step_1"], found["rmse_step_2"]) == (1.0, 2.0)
    assert found["smape"] == pytest.approx(np.mean([2 / 3, 4 / 6, 2 / 5, 4 / 10]))
