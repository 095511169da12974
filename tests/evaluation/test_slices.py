import numpy as np
import pytest
from scipy.stats import fisher_exact

from jaxflow.evaluation import slices
from jaxflow.evaluation.metrics.scores import each_example, units_of
from jaxflow.evaluation.slices import find_slices, worse_slices


def columns(random, examples):
    return {
        "sex": random.choice(np.array(["female", "male"]), examples),
        "port": random.choice(np.array(["S", "C", "Q", ""]), examples, p=[0.6, 0.2, 0.15, 0.05]),
        "age": np.where(random.random(examples) < 0.2, np.nan, random.normal(30, 12, examples)),
        "fare": random.exponential(30, examples),
    }


def test_a_bad_slice_is_found_first_and_alone():
    random = np.random.default_rng(0)
    given = columns(random, 400)
    bad = given["port"] == "C"
    errors = (random.random(400) < np.where(bad, 0.6, 0.15)).astype(float)
    found = find_slices(given, errors, each_example(400))
    assert (found[0].column, found[0].value) == ("port", "C")
    assert found[0].examples == bad.sum()
    assert found[0].error == pytest.approx(errors[bad].mean())
    assert found[0].elsewhere == pytest.approx(errors[~bad].mean())
    assert [(each.column, each.value) for each in worse_slices(found)] == [("port", "C")]


def test_numbers_are_cut_into_ranges_and_missing_values_are_a_slice():
    random = np.random.default_rng(0)
    given = {"age": np.append(random.normal(size=360), np.full(40, np.nan))}
    found = find_slices(given, random.random(400), each_example(400), shuffles=100)
    assert sorted(each.examples for each in found) == [40, 90, 90, 90, 90]
    assert "missing" in [each.value for each in found]


def test_a_value_that_most_examples_have_is_a_slice_and_the_others_are_cut():
    random = np.random.default_rng(0)
    gain = np.where(random.random(1000) < 0.2, random.exponential(1e8, 1000) + 2e8, 0)
    errors = (random.random(1000) < np.where(gain > 0, 0.5, 0.05)).astype(float)
    found = {each.value: each for each in find_slices({"gain": gain}, errors, each_example(1000))}
    assert found.pop("0").examples == (gain == 0).sum()
    (named,) = found  # a fifth of all is one range
    assert found[named].examples == (gain > 0).sum()
    ends = [float(end) for end in named.split(" to ")]
    assert ends == pytest.approx([gain[gain > 0].min(), gain.max()], rel=1e-3)
    assert [each.value for each in worse_slices(find_slices({"gain": gain}, errors, each_example(1000)))] == [named]


def test_ends_of_a_range_have_the_digits_that_tell_them_apart():
    days = np.repeat(20_231_101 + np.arange(8), 50)
    found = find_slices({"day": days}, np.zeros(400), each_example(400))
    assert len(found) == 4
    for each in found:
        low, high = map(int, each.value.split(" to "))
        assert 20_231_101 <= low < high <= 20_231_108


def test_small_slices_are_not_looked_at():
    given = {"rare": np.array(["a"] * 19 + ["b"] * 19)}
    assert find_slices(given, np.ones(38), each_example(38)) == []


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
def test_permuted_errors_are_silent(grouped):
    random, silent = np.random.default_rng(3), 0
    units = units_of(np.repeat(np.arange(60), 5), "group") if grouped else each_example(300)
    for seed in range(200):
        given = columns(random, 300)
        shared = np.repeat(random.random(60), 5) if grouped else np.full(300, 0.3)
        errors = (random.random(300) < shared).astype(float)
        silent += not worse_slices(find_slices(given, errors, units, shuffles=400, seed=seed))
    assert silent >= 183


def test_groups_that_err_together_are_one_piece_of_evidence():
    random = np.random.default_rng(0)
    scene = np.repeat(np.arange(12), 30)
    errors = np.repeat(random.random(12) < 0.4, 30).astype(float)  # a whole scene is wrong, or none of it
    given = {"camera": np.where(scene % 2, "left", "right")}
    by_row, by_scene = (
        find_slices(given, errors, units)[0].p for units in (each_example(360), units_of(scene, "group"))
    )
    assert by_scene > 0.05 or by_scene > 20 * by_row


def test_right_and_wrong_answers_are_compared_by_fishers_exact_test():
    random = np.random.default_rng(0)
    part = np.array(["a"] * 40 + ["b"] * 60)
    errors = (random.random(100) < np.where(part == "a", 0.5, 0.2)).astype(float)
    found = find_slices({"part": part}, errors, each_example(100))
    inside = errors[part == "a"].sum()
    table = [[inside, 40 - inside], [errors.sum() - inside, 60 - errors.sum() + inside]]
    assert found[0].p == pytest.approx(fisher_exact(table).pvalue, rel=0.3)  # by distance there, by likelihood here
    draws = np.array([random.permutation(errors)[:40].sum() for _ in range(20_000)])
    by_chance = np.mean(np.abs(draws - 0.4 * errors.sum()) >= abs(inside - 0.4 * errors.sum()) - 1e-9)
    assert found[0].p == pytest.approx(by_chance, abs=5e-3)


def test_very_many_errors_have_the_p_values_of_shuffled_ones(monkeypatch):
    random = np.random.default_rng(1)
    given, errors = columns(random, 2000), random.exponential(size=2000)
    shuffled = find_slices(given, errors, each_example(2000))
    monkeypatch.setattr(slices, "MAX_SHUFFLED", 100)
    computed = find_slices(given, errors, each_example(2000))
    assert [each.value for each in computed] == [each.value for each in shuffled]
    assert [each.p for each in computed] == pytest.approx([each.p for each in shuffled], abs=0.03)
