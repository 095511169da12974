import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import BatchNorm
from jaxflow.training.prepare import prepare_training


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
