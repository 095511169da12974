import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow.data.sources.playground import BUMPS, MAKERS

CLASSES = ("circle", "xor", "gauss", "spiral")


def everything(name, **fields):
    """All points and targets of a set, in the order they were made, as float64."""
    splits = jaxflow.Playground(name, **fields).load().splits.values()
    order = np.argsort([name for split in splits for name in split.ids])
    points = np.concatenate([split.inputs for split in splits])[order].astype(np.float64)
    return points, np.concatenate([split.targets for split in splits])[order]


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_decides_the_points(name):
    points, targets = everything(name, noise=0.2)
    again, other = everything(name, noise=0.2), everything(name, noise=0.2, seed=1)
    np.testing.assert_array_equal(points, again[0])
    np.testing.assert_array_equal(targets, again[1])
    assert not np.array_equal(points, other[0])


@pytest.mark.parametrize("name", MAKERS)
def test_schema_and_splits_hold_all_points(name):
    dataset = jaxflow.Playground(name, examples=301).load()
    target = dataset.schema.target
    assert target.names == (("orange", "blue") if name in CLASSES else ("value",))
    assert sum(map(len, dataset.splits.values())) == 301
    assert len({id_ for split in dataset.splits.values() for id_ in split.ids}) == 301
    for split in dataset.splits.values():
        assert (split.inputs.shape[1:], split.inputs.dtype) == ((2,), np.float32)
        assert (split.targets.shape[1:], str(split.targets.dtype)) == (target.shape, target.dtype)


@pytest.mark.parametrize("name", ["circle", "gauss", "spiral"])
def test_both_classes_are_half(name):
    _, labels = everything(name, examples=400)
    assert np.bincount(labels).tolist() == [200, 200]


def test_a_circle_in_a_ring():
    points, labels = everything("circle")
    radius = np.hypot(*points.T)
    assert radius[labels == 1].max() < 2.5
    assert radius[labels == 0].min() > 3.499
    assert radius.max() < 5.001


def test_xor_is_the_sign_of_the_product():
    points, labels = everything("xor")
    np.testing.assert_array_equal(labels, points.prod(1) > 0)
    assert np.abs(points).min() >= 0.299
    assert np.abs(points).max() <= 5.301


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.5, 4.0)])
def test_gauss_has_the_variance_that_noise_says(noise, variance):
    points, labels = everything("gauss", examples=20_000, noise=noise)
    for label, centre in ((1, 2), (0, -2)):
        own = points[labels == label]
        np.testing.assert_allclose(own.mean(0), centre, atol=4 * (variance / 10_000) ** 0.5)
        np.testing.assert_allclose(own.var(0), variance, rtol=0.06)


def test_the_spiral_is_two_arms_half_a_turn_apart():
    points, labels = everything("spiral", examples=400)
    blue, orange = points[labels == 1], points[labels == 0]
    np.testing.assert_allclose(orange, -blue, atol=1e-5)
    np.testing.assert_allclose(np.hypot(*blue.T), np.arange(200) / 40, atol=1e-5)
    turned = np.unwrap(np.arctan2(blue[1:, 0], blue[1:, 1]))
    np.testing.assert_allclose(np.diff(turned), 1.75 * 2 * np.pi / 200, atol=1e-5)


def test_noise_moves_the_spirals_points_by_no_more():
    clean, noisy = everything("spiral")[0], everything("spiral", noise=0.5)[0]
    assert 0.4 < np.abs(noisy - clean).max() <= 0.5


def test_the_plane_is_a_tenth_of_the_sum():
    points, values = everything("plane")
    np.testing.assert_allclose(values[:, 0], points.sum(1) / 10, atol=1e-6)
    assert np.abs(points).max() <= 6


def test_bumps_are_cones_that_go_up_and_down():
    points, values = everything("multi-gauss")
    for point, value in zip(points, values[:, 0]):
        best = 0.0
        for x, y, sign in BUMPS:
            height = sign * max(0.0, 1 - np.hypot(point[0] - x, point[1] - y) / 2)
            best = height if abs(height) > abs(best) else best
        assert value == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("name", ["circle", "xor", "plane", "multi-gauss"])
def test_noise_moves_only_where_targets_are_taken_from(name):
    clean, noisy = everything(name), everything(name, noise=0.3)
    np.testing.assert_array_equal(clean[0], noisy[0])
    assert (clean[1] != noisy[1]).mean() > 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "moons"}, "data.name is 'moons'; the playground has circle, xor"),
        ({"noise": 0.6}, r"Playground.noise is 0.6; it must be in \[0, 0.5\]"),
        ({"examples": 1}, "Playground.examples is 1; it must be 2 or more"),
        ({"seed": -1}, "Playground.seed is -1"),
    ],
)
def test_what_is_not_there_is_refused(change, message):
    with pytest.raises(jaxflow.UserError, match=message):
        dataclasses.replace(jaxflow.Playground("xor"), **change)


@pytest.mark.parametrize("name", MAKERS)
def test_a_test_that_is_drawn_anew_is_of_the_same_set(name):
    held_out = jaxflow.HoldOut(validation=0.25, test=0.0)
    few = jaxflow.Playground(name, examples=100, noise=0.1, split=held_out)
    plain, dense = few.load().splits, dataclasses.replace(few, test_examples=4000).load().splits
    for split in plain:  # the other points are the same ones
        np.testing.assert_array_equal(dense[split].inputs, plain[split].inputs)
    other = everything(name, examples=4000, noise=0.1, seed=7)
    np.testing.assert_allclose(dense["test"].inputs.mean(0), other[0].mean(0), atol=0.3)
    np.testing.assert_allclose(dense["test"].inputs.std(0), other[0].std(0), rtol=0.05)
    assert dense["test"].targets.shape == other[1].shape
    assert not set(dense["test"].ids) & set(dense["train"].ids)
    assert not (dense["test"].inputs[:, None] == dense["train"].inputs[None]).all(-1).any()


def test_a_test_is_drawn_anew_or_held_out():
    with pytest.raises(jaxflow.UserError, match=r"data.split holds out \d+ more; write split=HoldOut"):
        jaxflow.Playground("xor", examples=40, test_examples=100).load()
