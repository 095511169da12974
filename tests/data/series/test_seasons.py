"""Seasons, and forecasts without a model, against closed forms."""

import numpy as np
import pytest

import jaxflow
from jaxflow.data.series.seasons import autocorrelation, find_season

RANDOM = np.random.RandomState(0)
ROWS = np.arange(600)


def test_autocorrelation_is_numpys_of_what_is_left_of_a_line():
    values = RANDOM.randn(200) + 0.3 * np.arange(200)
    rest = values - np.polyval(np.polyfit(np.arange(200), values, 1), np.arange(200))
    strengths = autocorrelation(values, 20)
    for lag in (1, 7, 20):
        product = (rest[lag:] * rest[:-lag]).mean() / (rest**2).mean()
        assert strengths[lag] == pytest.approx(product, rel=1e-9)


@pytest.mark.parametrize("period", [4, 7, 12, 24, 50])
def test_a_season_is_found_through_noise_and_trend(period):
    wave = np.sin(ROWS * 2 * np.pi / period) + 0.01 * ROWS + 0.3 * RANDOM.randn(len(ROWS))
    assert find_season(wave) == pytest.approx(period, abs=period // 20)
    assert find_season(wave, (period,)) == period


def test_a_season_is_found_on_a_level_that_wanders():
    wander = RANDOM.randn(len(ROWS)).cumsum()
    assert find_season(wander) is None
    assert find_season(wander + 8 * np.sin(ROWS * 2 * np.pi / 24)) == 24


def test_two_seasons_are_no_longer_season_and_a_longer_one_is():
    week = np.tile([5.0, 1, 1, 1, 1, 1, 9], 60)
    assert find_season(week) == 7
    both = week + np.where(np.arange(420) // 7 % 2, 20, 0)  # every other week differs
    assert find_season(both) == 14


@pytest.mark.parametrize("values", [RANDOM.randn(500), 3.0 * ROWS, np.ones(50), np.arange(4.0), np.zeros(2)])
def test_what_has_no_season(values):
    assert find_season(values) is None


def test_naive_forecasts_repeat_what_was_known(tmp_path):
    days = np.datetime64("2020-01-01") + np.delete(np.arange(200), 150)  # a gap in the test split
    values = np.tile([10.0, 1, 2, 3, 4, 5, 6], 40)[: len(days)]
    lines = [f"{day},{value},{-value}" for day, value in zip(days, values)]
    (tmp_path / "a.csv").write_text("day,up,down\n" + "\n".join(lines))
    series = jaxflow.Series(
        str(tmp_path / "a.csv"), time="day", columns=("up", "down"), targets=("up", "down"), length=3, horizon=10,
        split=jaxflow.TimeSplit(0.1, 0.3),
    )  # fmt: skip
    test = series.load().splits["test"]
    assert test.series.season == 7
    naive = test.naive_forecasts()
    assert list(naive) == ["last value", "last season (7 rows)"]
    first = test.starts + 3
    np.testing.assert_array_equal(naive["last value"][:, :10], np.repeat(values[first - 1][:, None], 10, 1))
    np.testing.assert_array_equal(naive["last value"][:, 10:], -naive["last value"][:, :10])
    again = naive["last season (7 rows)"][:, :10]
    reached = first - 7 >= np.where(first >= 150, 150, 0)  # before the gap, another season began
    assert 0 < reached.sum() < len(reached)
    np.testing.assert_array_equal(again[reached], test.targets[reached, :10])
    np.testing.assert_array_equal(again[~reached, 0], values[first - 1][~reached])
