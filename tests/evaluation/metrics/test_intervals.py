import numpy as np
import pytest
from scipy.stats import bootstrap as scipys

from jaxflow.evaluation.metrics.intervals import measure
from jaxflow.evaluation.metrics.scores import each_example, scores_of_sums, units_of


def mean_of(values, units, proportions=()):
    both = np.column_stack([values, np.ones(len(values))])
    return [
        scores_of_sums(("mean",), both, units, lambda s: s[:, :1] / s[:, 1:], dict.fromkeys(proportions, units.count))
    ]


def correlated(random, mean, clusters=100, each=10, correlation=0.3):
    """Draws rights and wrongs that are beta-binomial by cluster."""
    strength = 1 / correlation - 1
    chances = random.beta(mean * strength, (1 - mean) * strength, clusters)
    return (random.random((clusters, each)) < chances[:, None]).astype(float).ravel()


def covered(trials, units, replicates):
    random, hits = np.random.default_rng(1), 0
    for seed in range(trials):
        found = measure(mean_of(correlated(random, 0.8), units), units.count, replicates=replicates, seed=seed)["mean"]
        hits += found.low <= 0.8 <= found.high
    return hits / trials


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say_by_group_and_not_by_row():
    assert 0.93 <= covered(1000, units_of(np.repeat(np.arange(100), 10), "group"), 500) <= 0.97
    assert covered(200, each_example(1000), 500) < 0.80


def test_an_interval_is_scipys_bca_but_for_the_small_sample_correction():
    values = np.random.default_rng(0).exponential(size=400)
    found = measure(mean_of(values, each_example(400)), 400, replicates=4000)["mean"]
    expected = scipys((values,), np.mean, n_resamples=4000, method="BCa", random_state=1).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.015)
    assert found.value == pytest.approx(values.mean())


def test_groups_make_wider_intervals_than_rows():
    values = correlated(np.random.default_rng(0), 0.7)
    groups = units_of(np.repeat(np.arange(100), 10), "group")
    by_group, by_row = (measure(mean_of(values, u), u.count)["mean"] for u in (groups, each_example(1000)))
    assert by_group.high - by_group.low > 1.5 * (by_row.high - by_row.low)


def test_all_right_is_no_certainty():
    found = measure(mean_of(np.ones(359), each_example(359), {"mean"}), 359)["mean"]
    assert found.high == 1
    assert found.low == pytest.approx(0.025 ** (1 / 359))  # Clopper and Pearson


@pytest.mark.parametrize("units", [1])
def test_a_single_unit_has_no_interval(units):
    found = measure(mean_of(np.array([0.0, 1.0]), units_of(np.zeros(2), "group")), units)["mean"]
    assert found.value == 0.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_few_units_have_wider_intervals():
    values = np.random.default_rng(0).normal(size=6)
    found = measure(mean_of(values, each_example(6)), 6, replicates=20_000)["mean"]
    normal = scipys((values,), np.mean, n_resamples=20_000, method="BCa", random_state=0).confidence_interval
    assert found.high - found.low > 1.1 * (normal.high - normal.low)


def test_more_units_than_are_left_out_one_by_one():
    values = np.random.default_rng(0).exponential(size=3000)
    found = measure(mean_of(values, each_example(3000)), 3000, replicates=1000)["mean"]
    reach = 1.96 * values.std() / np.sqrt(3000)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.01)
