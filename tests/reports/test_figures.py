"""Figures of numbers that lie close together, and of many of them."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import jaxflow
from jaxflow.reports.figures import distributions
from jaxflow.reports.figures.plot import bars, bin_edges, count_ticks, spread_evenly


@pytest.mark.parametrize(
    "values",
    [
        np.array([1700000048.73, 1699999981.65]),
        np.array([1700000000, 1700000128], np.float32),
        np.array([1.0, np.nextafter(1.0, 2)]),
        np.array([1e300, 1e300]),
        np.zeros(3),
        np.array([-5.0, 1e-3]),
    ],
)
def test_a_histogram_of_close_numbers_counts_them_all(values):
    edges = bin_edges([values, values[:1]], bins=40)
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values.astype(np.float64), edges)[0].sum() == len(values)


def test_usual_numbers_have_numpys_bins():
    values = np.random.RandomState(0).randn(100)
    np.testing.assert_allclose(bin_edges([values], 30), np.histogram_bin_edges(values, 30), rtol=1e-12)


def test_close_targets_and_many_are_drawn(tmp_path):
    targets = 1.7e9 + np.random.RandomState(0).randn(50, 96)
    dataset = jaxflow.from_arrays({"train": (np.zeros((50, 2), np.float32), targets)})
    distributions.targets(dataset, tmp_path / "targets.png")
    with Image.open(tmp_path / "targets.png") as image:
        assert max(image.size) < 2000
    assert spread_evenly(96, 6) == [0, 19, 38, 57, 76, 95]


@pytest.mark.parametrize("largest", [1, 2, 3, 5, 8, 70])
def test_ticks_of_counts_are_whole_numbers(largest):
    axes = Figure(figsize=(3, 2)).add_subplot()
    axes.plot([1, largest], [0, 1])
    count_ticks(axes.xaxis)
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_categories_have_a_bar_each_in_each_split():
    axes = Figure().add_subplot()
    bars(axes, ["red", "a" * 30], {"train": [0.75, 0.25], "test": [0.5, 0.5]})
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.25, 0.5, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["red", "a" * 18]
