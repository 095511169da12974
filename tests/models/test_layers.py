import dataclasses
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxflow
from jaxflow.models.layers import Activation, BatchNorm, activation, is_monotone
from jaxflow.training.prepare import prepare_training


@pytest.mark.parametrize("name", get_args(Activation))
def test_activations_that_fall_somewhere_are_no_monotone_ones(name):
    values = activation(name)(jnp.linspace(-4.0, 4.0, 401))
    assert is_monotone(name) == bool((np.diff(values) >= -1e-6).all())


def test_the_exact_gelu_is_x_times_the_normal_distribution_and_the_other_is_near_it():
    x = np.linspace(-5, 5, 101)
    exact = x * stats.norm.cdf(x)
    np.testing.assert_allclose(activation("gelu_exact")(jnp.float32(x)), exact, atol=1e-6)
    assert 1e-4 < np.abs(activation("gelu")(jnp.float32(x)) - exact).max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 1, 3)])
def test_a_single_value_is_not_normalised(shape):
    ones = jnp.ones(shape)
    variables = BatchNorm().init(jax.random.key(0), ones, train=False)
    with pytest.raises(jaxflow.UserError, match="one value to normalise in each channel"):
        BatchNorm().apply(variables, ones, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(BatchNorm().apply(variables, ones, train=False), ones, rtol=1e-4)


def test_a_run_whose_tiles_have_one_value_is_refused_before_it_begins(experiment):
    images = np.arange(40 * 4, dtype=np.uint8).reshape(40, 2, 2, 1)
    data = jaxflow.from_arrays({"train": (images, np.arange(40) % 3)})
    tile = dataclasses.replace(experiment, microbatch=1)  # its second layer is of 1x1 pixels
    with pytest.raises(jaxflow.UserError, match=r"--batch_size, --microbatch"):
        prepare_training(tile, data)
    assert prepare_training(dataclasses.replace(tile, microbatch=2), data)
