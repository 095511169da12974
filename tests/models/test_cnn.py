import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models import ops
from jaxflow.models.layers import dropout


def count(params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_cifar_network_has_keras_parameter_count():
    model = jaxflow.CNN(widths=(32, 64, 64), hidden=(64,), outputs=10)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    assert count(params) == 122_570


def test_the_cifar_network_is_the_one_written_in_flax():
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            for layer, width in enumerate((32, 64, 64)):
                x = nn.relu(nn.Conv(width, (3, 3), padding="VALID")(x))
                if layer < 2:
                    x = nn.max_pool(x, (2, 2), (2, 2))
            x = nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1)))
            return nn.Dense(10)(x)

    images = jax.random.normal(jax.random.key(1), (4, 32, 32, 3))
    model = jaxflow.CNN(widths=(32, 64, 64), hidden=(64,), outputs=10)
    variables = model.init(jax.random.key(0), images)
    np.testing.assert_allclose(model.apply(variables, images), Reference().apply(variables, images), atol=2e-5)


def test_an_mlp_is_its_matrix_products():
    model = jaxflow.MLP(hidden=(5,), outputs=2)
    x = jax.random.normal(jax.random.key(0), (3, 2, 2))
    variables = model.init(jax.random.key(1), x)
    first, second = variables["params"]["Dense_0"], variables["params"]["Dense_1"]
    hidden = np.maximum(np.asarray(x).reshape(3, 4) @ first["kernel"] + first["bias"], 0)
    np.testing.assert_allclose(model.apply(variables, x), hidden @ second["kernel"] + second["bias"], atol=1e-5)


def test_max_pool_drops_the_remainder():
    image = jnp.arange(25.0).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(ops.max_pool(image)[0, :, :, 0], [[6, 8], [16, 18]])


def test_dropout_keeps_the_expectation_and_takes_a_traced_rate():
    ones = jnp.ones((200, 200))
    dropped = jax.jit(dropout)(ones, 0.3, jax.random.key(0))
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.7)}
    assert abs(float(dropped.mean()) - 1) < 0.02


def test_dropout_is_off_outside_training():
    model = jaxflow.MLP(hidden=(64,), dropout=0.5, outputs=2)
    x = jnp.ones((1, 8))
    variables = model.init(jax.random.key(0), x)
    calm = model.apply(variables, x)
    noisy = model.apply(variables, x, train=True, rngs={"dropout": jax.random.key(3)})
    np.testing.assert_array_equal(calm, model.apply(variables, x))
    assert not np.array_equal(calm, noisy)


@pytest.mark.parametrize("model", [jaxflow.CNN(outputs=3, dtype="bfloat16"), jaxflow.MLP(outputs=3, dtype="bfloat16")])
def test_half_precision_keeps_float32_parameters_and_outputs(model):
    x = jax.random.normal(jax.random.key(0), (2, 20, 20, 1))
    variables = model.init(jax.random.key(1), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    outputs = model.apply(variables, x)
    assert outputs.dtype == jnp.float32
    full = model.clone(dtype="float32").apply(variables, x)
    np.testing.assert_allclose(outputs, full, atol=0.1)
    assert not np.array_equal(outputs, full)
