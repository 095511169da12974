"""The CPU's own forms of convolution and pooling against lax."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

import jaxflow
from jaxflow.models.layers import ops
from tests.conftest import toy_images

KEY = jax.random.key(0)
SPACES = {1: (9,), 2: (9, 8), 3: (6, 5, 7)}
WINDOWS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}


def lax_conv(inputs, kernel, strides, padding):
    rank = inputs.ndim - 2
    space = "DHW"[-rank:]
    strides = (strides,) * rank if isinstance(strides, int) else strides
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(inputs, kernel, strides, padding, dimension_numbers=layout)


def lax_pool(inputs, window):
    rank = inputs.ndim - 2
    sizes = (1, *((window,) * rank if isinstance(window, int) else window), 1)
    return lax.reduce_window(inputs, -jnp.inf, lax.max, sizes, sizes, "VALID")


def operands(rank):
    first, second = jax.random.split(KEY)
    inputs = jax.random.normal(first, (2, *SPACES[rank], 3))
    return inputs, jax.random.normal(second, (*WINDOWS[rank], 3, 5))


def close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max()), one, other)


@pytest.mark.parametrize("padding", ["VALID", "SAME", "explicit"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_and_its_gradients_are_laxs(rank, strides, padding):
    padding = [(2, 1)] * rank if padding == "explicit" else padding

    def objective(conv, *operands):
        outputs = conv(*operands, strides, padding)
        return jnp.sin(outputs).sum(), outputs

    for ours, reference in zip(
        *(
            jax.jit(jax.grad(partial(objective, conv), (0, 1), has_aux=True))(*operands(rank))
            for conv in (ops.conv, lax_conv)
        )
    ):  # the gradients, then the outputs
        close(ours, reference)


@pytest.mark.parametrize(
    ("shape", "window"),
    [((2, 9, 3), 2), ((2, 8, 8, 3), 2), ((2, 9, 7, 3), 2), ((2, 9, 7, 3), (3, 2)), ((2, 5, 6, 7, 2), 2)],
)
def test_max_pool_and_its_gradient_are_laxs_ties_included(shape, window):
    inputs = jnp.round(jax.random.normal(KEY, shape) * 2)  # few values: most windows have ties
    slope = jax.random.normal(jax.random.key(1), lax_pool(inputs, window).shape)

    def objective(pool, inputs):
        outputs = pool(inputs, window)
        return (outputs * slope).sum(), outputs

    for ours, reference in zip(
        *(jax.jit(jax.grad(partial(objective, pool), has_aux=True))(inputs) for pool in (ops.max_pool, lax_pool))
    ):  # the gradients, then the outputs
        np.testing.assert_array_equal(ours, reference)


def test_vmap_scan_and_jit():
    inputs, kernel = operands(2)
    many = jnp.stack([inputs, 2 * inputs])
    together = jax.vmap(lambda x: ops.max_pool(ops.conv(x, kernel)))(many)
    _, scanned = lax.scan(lambda carry, x: (carry, ops.max_pool(ops.conv(x, kernel))), 0, many)
    one_by_one = jnp.stack([ops.max_pool(ops.conv(x, kernel)) for x in many])
    close(together, one_by_one)
    close(scanned, one_by_one)
    per_kernel = jax.vmap(lambda k: jax.grad(lambda k: ops.conv(inputs, k).sum())(k))(jnp.stack([kernel, kernel]))
    close(per_kernel[1], jax.grad(lambda k: lax_conv(inputs, k, 1, "VALID").sum())(kernel))


def test_second_derivatives():
    inputs, kernel = operands(2)

    def penalty(conv):
        def slope(k):
            return jax.grad(lambda x: jnp.sin(conv(x, k, 1, "SAME")).sum())(inputs)

        return jax.grad(lambda k: (slope(k) ** 2).sum())(kernel)

    close(penalty(ops.conv), penalty(lax_conv))


def test_forward_mode_is_a_clear_error():
    inputs, kernel = operands(2)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: ops.conv(x, kernel), (inputs,), (inputs,))


def test_half_precision_stays_half():
    inputs, kernel = (operand.astype(jnp.bfloat16) for operand in operands(2))
    outputs, slopes = jax.value_and_grad(lambda *o: ops.max_pool(ops.conv(*o)).sum(), (0, 1))(inputs, kernel)
    assert {outputs.dtype, *(slope.dtype for slope in slopes)} == {jnp.dtype("bfloat16")}


def test_other_platforms_get_laxs_own(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    inputs, kernel = operands(2)
    assert "conv_general_dilated" in str(jax.make_jaxpr(ops.conv)(inputs, kernel))
    assert "reduce_window" in str(jax.make_jaxpr(ops.max_pool)(inputs))
    close(ops.conv(inputs, kernel), lax_conv(inputs, kernel, 1, "VALID"))


def test_a_window_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match=r"a window of \(3, 3\) does not fit into \(2, 8\)"):
        ops.conv(jnp.ones((1, 2, 8, 1)), jnp.ones((3, 3, 1, 1)))


def curve(monkeypatch, backend, steps=100):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    model = jaxflow.CNN(widths=(8, 8), hidden=(16,), padding="SAME", outputs=3)
    tx = optax.sgd(0.05)
    state = jaxflow.init_state(model, tx, KEY, jnp.zeros((1, 6, 6, 1)))
    step = jax.jit(jaxflow.make_train_step(model, jaxflow.Classification(), tx, transform=lambda x: x / 255.0))
    losses = []
    for number in range(steps):
        images, labels = toy_images(16, seed=number)
        state, metrics = step(state, {"inputs": images, "targets": labels.astype(np.int32)})
        losses.append(float(metrics["loss"].compute()))
    return losses


@pytest.mark.slow
def test_a_hundred_steps_give_the_loss_curve_of_lax(monkeypatch):
    ours, reference = curve(monkeypatch, "cpu"), curve(monkeypatch, "gpu")
    np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-4)
    assert ours[-1] < 0.6 * ours[0]
