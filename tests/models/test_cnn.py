import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import BatchNorm, Conv, dirac, dropout, ops


def count(params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_the_cifar_network_has_keras_parameter_count():
    model = jaxflow.CNN(widths=(32, 64, 64), hidden=(64,), outputs=10)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    assert count(params) == 122_570


@pytest.mark.slow
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
    hidden = np.maximum(np.asarray(x).reshape(3, 4) @ first["kernel"] + first["bias"][None], 0)
    np.testing.assert_allclose(model.apply(variables, x), hidden @ second["kernel"] + second["bias"][None], atol=1e-5)


def test_max_pool_drops_the_remainder():
    image = jnp.arange(25.0).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(ops.max_pool(image)[0, :, :, 0], [[6, 8], [16, 18]])


def test_a_dirac_kernel_passes_its_input_on():
    images = jax.random.normal(jax.random.key(0), (2, 5, 5, 3))
    layer = Conv(7, padding="SAME", bias=False, kernel_init="dirac")
    variables = layer.init(jax.random.key(1), images)
    assert set(variables["params"]) == {"kernel"}
    np.testing.assert_allclose(layer.apply(variables, images)[..., :3], images, atol=1e-6)
    rest = np.asarray(dirac(jax.random.key(2), (3, 3, 3, 400)))[..., 3:]
    bound = 1 / np.sqrt(27)
    assert np.abs(rest).max() <= bound
    assert rest.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    np.testing.assert_array_equal(dirac(jax.random.key(0), (3, 3, 4, 2))[1, 1], np.eye(4)[:, :2])


def test_a_strided_convolution_skips_pixels():
    images = jax.random.normal(jax.random.key(0), (2, 7, 7, 3))
    variables = Conv(4).init(jax.random.key(1), images)
    np.testing.assert_allclose(
        Conv(4, strides=2).apply(variables, images), Conv(4).apply(variables, images)[:, ::2, ::2], atol=1e-5
    )


@pytest.mark.parametrize(("scale", "expected"), [("ones", 1.0), ("zeros", 0.0), ("none", 1.0)])
def test_batch_norm_normalises_by_its_formula(scale, expected):
    x = 3 * jax.random.normal(jax.random.key(0), (64, 5)) + 1
    layer = BatchNorm(momentum=0.6, epsilon=0.5, scale=scale)
    variables = layer.init(jax.random.key(1), x, train=False)
    assert ("scale" in variables["params"]["BatchNorm_0"]) == (scale != "none")
    outputs, changed = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    mean, variance = np.asarray(x).mean(0), np.asarray(x).var(0)
    np.testing.assert_allclose(outputs, expected * (x - mean[None]) / np.sqrt(variance + 0.5)[None], atol=1e-4)
    statistics = changed["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(statistics["mean"], 0.4 * mean, rtol=1e-4)
    np.testing.assert_allclose(statistics["var"], 0.6 + 0.4 * variance, rtol=1e-4)


def test_dropout_keeps_the_expectation_and_takes_a_traced_rate():
    ones = jnp.ones((200, 200))
    dropped = jax.jit(dropout)(ones, 0.3, jax.random.split(jax.random.key(0), 200))
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
