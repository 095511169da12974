import jax
import numpy as np
import pytest

import jaxflow
from jaxflow.evaluation.explanations.batches import in_batches
from jaxflow.evaluation.explanations.plane import grid_around, hidden_activations


def test_a_grid_lies_around_points_and_its_maps_lie_as_its_points():
    points = np.array([[0.0, 10.0], [4.0, 30.0], [2.0, 20.0]])
    grid = grid_around(points, size=5, margin=0.25)
    np.testing.assert_allclose(grid.across, [-1, 0.5, 2, 3.5, 5])
    np.testing.assert_allclose(grid.up, [5, 12.5, 20, 27.5, 35])
    values = grid.map(lambda at: at[:, 0] + 100 * at[:, 1])
    np.testing.assert_allclose(values, grid.across[None] + 100 * grid.up[:, None])
    assert grid.map(lambda at: np.stack([at[:, 0]] * 3, 1)).shape == (5, 5, 3)


def test_equal_points_have_a_grid_too():
    grid = grid_around(np.ones((3, 2)))
    assert np.ptp(grid.across) > 0


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_hidden_units_answer_the_formula(name):
    model = jaxflow.MLP(hidden=(4, 3), activation=name, outputs=2)
    inputs = np.random.RandomState(0).normal(size=(6, 2)).astype(np.float32)
    variables = model.init(jax.random.key(0), inputs, train=False)
    layers = hidden_activations(model, variables, inputs)
    x = inputs
    for number, found in enumerate(layers):
        dense = variables["params"][f"Dense_{number}"]
        x = getattr(jax.nn, name)(x @ dense["kernel"] + dense["bias"][None])
        np.testing.assert_allclose(found, x, atol=1e-5)
    assert len(layers) == 2


def test_batches_have_one_size_and_padding_is_dropped():
    sizes = []
    found = in_batches(lambda rows: sizes.append(len(rows)) or rows * 2, np.arange(10), 4)
    np.testing.assert_array_equal(found, np.arange(10) * 2)
    assert sizes == [4, 4, 4]
