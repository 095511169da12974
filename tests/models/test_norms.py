import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import StochasticDepth, avg_pool, initializer, normalize, overlapping_max_pool

IMAGES = np.random.RandomState(0).rand(3, 5, 4, 6).astype(np.float32)


class Normalized(nn.Module):
    norm: str
    scale: str = "ones"

    @nn.compact
    def __call__(self, inputs, train=False):
        return normalize(self.norm, inputs, train, scale=self.scale)


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "group", "rms"])
def test_norms_leave_mean_zero_and_mean_square_one(norm):
    inputs = 3 * IMAGES + 1
    variables = Normalized(norm).init(jax.random.key(0), inputs)
    outputs, _ = Normalized(norm).apply(variables, inputs, train=True, mutable=["batch_stats"])
    axes = {"batch": (0, 1, 2), "layer": (3,), "rms": (3,), "group": (1, 2)}  # 2 divides 32 and 6: pairs of channels
    if norm == "none":
        np.testing.assert_array_equal(outputs, inputs)
        assert not variables
        return
    grouped = np.asarray(outputs).reshape(3, 5, 4, 2, 3) if norm == "group" else np.asarray(outputs)
    over = (1, 2, 4) if norm == "group" else axes[norm]
    np.testing.assert_allclose(np.square(grouped).mean(over), 1, atol=1e-3)
    if norm != "rms":
        np.testing.assert_allclose(grouped.mean(over), 0, atol=1e-5)
    assert not np.any(Normalized(norm, "zeros").init_with_output(jax.random.key(0), inputs)[0])


@pytest.mark.parametrize("norm", ["batch", "layer", "group"])
def test_values_far_from_zero_are_normalised_as_in_double_precision(norm):
    inputs = IMAGES + np.float32(4000)  # 14,000 deviations from 0
    variables = Normalized(norm).init(jax.random.key(0), inputs)
    outputs, _ = Normalized(norm).apply(variables, inputs, train=True, mutable=["batch_stats"])
    exact = np.asarray(inputs, np.float64)
    exact = exact.reshape(3, 5, 4, 2, 3) if norm == "group" else exact  # (batch, *space, group, channel)
    over = {"batch": (0, 1, 2), "layer": (3,), "group": (1, 2, 4)}[norm]
    expected = (exact - exact.mean(over, keepdims=True)) / np.sqrt(exact.var(over, keepdims=True) + 1e-5)
    np.testing.assert_allclose(outputs, expected.reshape(IMAGES.shape), atol=5e-3)  # means round to 0.0002 of 0.29


def test_a_group_of_one_value_is_refused():
    with pytest.raises(jaxflow.UserError, match="one value to normalise in each of 4 groups"):
        Normalized("group").init(jax.random.key(0), jnp.ones((2, 4)))


def test_stochastic_depth_leaves_whole_rows_out_and_keeps_the_expectation():
    branch = jnp.ones((4000, 2, 3))
    layer = StochasticDepth(0.25)
    np.testing.assert_array_equal(layer.apply({}, branch, train=False), branch)
    dropped = layer.apply({}, branch, train=True, rngs={"dropout": jax.random.key(0)})
    rows = np.asarray(dropped).reshape(4000, -1)
    assert set(np.unique(rows)) == {0.0, np.float32(1 / 0.75)}
    assert np.all(rows.min(1) == rows.max(1))
    assert abs(rows.mean() - 1) < 0.03


@pytest.mark.parametrize("shape", [(7,), (6,), (7, 6), (5, 4, 3)])
def test_overlapping_max_pooling_is_lax_s_of_windows_centred_on_every_other_position(shape):
    inputs = jnp.asarray(np.random.RandomState(0).randn(2, *shape, 3), jnp.float32)

    def reference(x):
        window, strides = (1, *(3,) * len(shape), 1), (1, *(2,) * len(shape), 1)
        return jax.lax.reduce_window(
            x, -jnp.inf, jax.lax.max, window, strides, [(0, 0), *[(1, 1)] * len(shape), (0, 0)]
        )

    np.testing.assert_array_equal(overlapping_max_pool(inputs), reference(inputs))
    one, two = (jax.grad(lambda x, f=f: jnp.square(f(x)).sum())(inputs) for f in (overlapping_max_pool, reference))
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_mean_pooling_drops_the_remainder():
    np.testing.assert_array_equal(avg_pool(jnp.arange(5.0).reshape(1, 5, 1))[0, :, 0], [0.5, 2.5])


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (9 * 40 + 9 * 60)), ("glorot_normal", 2 / (9 * 40 + 9 * 60)),
        ("he_uniform", 2 / (9 * 40)), ("he_normal", 2 / (9 * 40)), ("he_fan_out", 2 / (9 * 60)),
        ("lecun_uniform", 1 / (9 * 40)), ("lecun_normal", 1 / (9 * 40)), ("normal", 0.02**2),
    ],
)  # fmt: skip
def test_initial_kernels_have_the_variance_of_their_source(name, variance):
    kernel = np.asarray(initializer(name)(jax.random.key(0), (3, 3, 40, 60)))
    assert kernel.var() == pytest.approx(variance, rel=0.03)
    uniform = np.abs(kernel).max() <= np.sqrt(3 * variance) * 1.001
    assert uniform == name.endswith("uniform")


def test_orthogonal_kernels_are():
    kernel = np.asarray(initializer("orthogonal")(jax.random.key(0), (3, 3, 4, 5))).reshape(36, 5)
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(5), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (jaxflow.MLP(hidden=(4,), outputs=2), np.ones((2, 5), np.float32)),
        (jaxflow.CNN(widths=(4,), hidden=(4,), outputs=2), IMAGES),
        (jaxflow.ResNet(widths=(4,), blocks=(1,), outputs=2), IMAGES),
        (jaxflow.ResNet9(widths=(2, 2, 2, 2), outputs=2), np.ones((2, 8, 8, 1), np.float32)),
        (jaxflow.AirbenchCNN(widths=(4,), outputs=2), IMAGES),
        (jaxflow.LinkNet(widths=(2, 4), outputs=2), IMAGES),
        (jaxflow.UNet(widths=(2, 4), outputs=2), IMAGES),
        (jaxflow.TabularResNet(width=4, hidden=4, outputs=2), np.ones((2, 5), np.float32)),
        (jaxflow.BagOfTokens(width=4, vocab_size=9, outputs=2), np.ones((2, 5), np.int32)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_model_draws_its_kernels_as_kernel_init_says(model, inputs):
    one, two = (
        jax.tree.map(np.asarray, jax.jit(each.init)(jax.random.key(0), inputs)["params"])
        for each in (model, model.clone(kernel_init="orthogonal"))
    )
    changed = jax.tree.map(lambda a, b: not np.array_equal(a, b), one, two)
    names = {path[-1].key for path, differs in jax.tree.leaves_with_path(changed) if differs}
    assert names == {"kernel"}
