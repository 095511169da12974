import numpy as np
import pytest
from scipy.stats import binom, binomtest, false_discovery_control, permutation_test, ttest_ind

from jaxflow.evaluation.metrics.significance import benjamini_hochberg, exchange_p, holm, paired_p, welch


def test_one_example_a_unit_is_mcnemars_mid_p():
    differences = np.array([1] * 12 + [-1] * 3 + [0] * 50)
    exact, observed = binomtest(3, 15).pvalue, binomtest(3, 15, alternative="less")
    mass = observed.pvalue - binomtest(2, 15, alternative="less").pvalue
    assert paired_p(differences) == pytest.approx(exact - mass)


def test_a_few_examples_decide_no_more_than_their_number_can():
    assert paired_p(np.array([1] * 6 + [0] * 353)) == pytest.approx(1 / 64)


@pytest.mark.parametrize("discordant", [60, 66, 75, 200])
def test_exchanges_of_many_discordant_units_are_called_in_about_one_case_of_twenty(discordant):
    counts = np.arange(discordant + 1)
    called = [paired_p(np.array([1] * count + [-1] * (discordant - count))) < 0.05 for count in counts]
    assert 0.035 < binom.pmf(counts[called], discordant, 0.5).sum() < 0.065


def test_any_metric_is_tested_by_exchanges():
    apart = np.random.default_rng(0).normal(0.2, 1, 40)
    root = exchange_p(lambda signs: np.cbrt(signs @ apart), 40)
    assert root == pytest.approx(permutation_test((apart,), np.mean, permutation_type="samples", n_resamples=9999,
                                                  rng=np.random.default_rng(1)).pvalue, abs=0.015)  # fmt: skip


def test_whole_units_are_drawn_where_they_hold_several_examples():
    differences = np.array([3.0, 2.0, 1.0, 4.0])  # all signs agree in 2 of 16 draws
    assert paired_p(differences, permutations=40_000) == pytest.approx(1 / 16, abs=0.005)


def test_no_difference_is_no_evidence():
    assert paired_p(np.zeros(9)) == 1.0


@pytest.mark.parametrize("size", [1, 4])
def test_swapped_answers_are_called_different_in_one_case_of_twenty(size):
    random = np.random.default_rng(size)
    units = random.integers(-size, size + 1, 90) if size > 1 else np.array([1] * 70 + [0] * 20)
    called = sum(
        paired_p(units * random.choice((-1, 1), len(units)), permutations=500, seed=i) < 0.05 for i in range(1000)
    )
    assert 30 <= called <= 70


def test_corrections_for_many_are_those_of_their_papers():
    ps = [0.01, 0.04, 0.03, 0.005]
    assert holm(ps).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm's rule, by hand
    assert benjamini_hochberg(ps).tolist() == pytest.approx(false_discovery_control(ps).tolist())
    assert len(benjamini_hochberg([])) == 0


def test_means_of_seeds_are_compared_by_welchs_test():
    first, second = np.array([0.90, 0.91, 0.89, 0.92]), np.array([0.93, 0.95, 0.94])
    found, expected = welch(first, second), ttest_ind(second, first, equal_var=False)
    interval = expected.confidence_interval()
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, interval.low, interval.high))
    assert found.value == pytest.approx(second.mean() - first.mean())


def test_one_seed_against_several_is_a_draw_from_the_same_spread():
    found = welch(np.array([1.0, 2.0, 3.0]), np.array([4.0]))
    pooled = ttest_ind([4.0], [1.0, 2.0, 3.0])  # Student's: the one has no spread of its own
    assert found.p == pytest.approx(pooled.pvalue)
