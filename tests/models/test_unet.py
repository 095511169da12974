from itertools import pairwise

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import ConvTranspose

SMALL = jaxflow.UNet(widths=(4, 6, 8), outputs=3)


def moved(model, inputs):
    """Parameters of which none is 0 or 1, so that all matter."""
    variables = jax.jit(model.init)(jax.random.key(0), inputs)
    return jax.tree.map(lambda leaf: leaf + 0.1 * jnp.arange(leaf.size).reshape(leaf.shape) / leaf.size, variables)


def flipped(part):
    """Flax's transposed convolution lays windows down the other way round; PyTorch's as jaxflow's."""
    axes = tuple(range(part["kernel"].ndim - 2))
    return part | {"kernel": jnp.flip(part["kernel"], axes)}


def test_a_u_net_of_the_source_s_widths_has_its_parameter_count():
    """3x3 convolutions a -> b with a bias have 9ab + b parameters, transposed ones of 2x2 have 4ab + b."""
    widths = (64, 128, 256, 512, 1024)
    model = jaxflow.UNet(widths=widths, norm="none", outputs=2)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 1)))["params"]
    down = sum(9 * a * b + b + 9 * b * b + b for a, b in zip((1, *widths), widths))
    up = sum(4 * b * a + a + 9 * 2 * a * a + a + 9 * a * a + a for a, b in pairwise(widths))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert count == down + up + 64 * 2 + 2 == 31_030_658


@pytest.mark.slow
@pytest.mark.parametrize("up", ["transpose", "resize"])
def test_a_u_net_is_the_one_written_in_flax(up):
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            def block(name, x, width):
                for number in range(2):
                    x = nn.relu(nn.Conv(width, (3, 3), name=f"{name}_Conv_{number}")(x))
                return x

            fine = block("UNetBlock_0", x, 4)
            x = block("UNetBlock_1", nn.max_pool(fine, (2, 2), (2, 2)), 6)
            if up == "transpose":
                x = nn.ConvTranspose(4, (2, 2), (2, 2), name="ConvTranspose_0")(x)
            else:
                x = nn.Conv(4, (1, 1), name="Conv_0")(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2))
            x = block("UNetBlock_2", jnp.concatenate([fine, x], -1), 4)
            return nn.Conv(3, (1, 1), name=f"Conv_{int(up == 'resize')}")(x)

    images = jax.random.normal(jax.random.key(1), (2, 8, 6, 2))
    model = jaxflow.UNet(widths=(4, 6), norm="none", up=up, outputs=3)
    variables = moved(model, images)
    flat = {}
    for name, part in variables["params"].items():
        part = flipped(part) if name.startswith("ConvTranspose") else part
        flat |= {f"{name}_{k}": v for k, v in part.items()} if name.startswith("UNetBlock") else {name: part}
    expected = Reference().apply({"params": flat}, images)
    np.testing.assert_allclose(model.apply(variables, images), expected, atol=1e-4)


@pytest.mark.parametrize("space", [(5,), (4, 6), (3, 4, 2)])
def test_transposed_convolutions_are_flax_s(space):
    inputs = jax.random.normal(jax.random.key(0), (2, *space, 3))
    layer = ConvTranspose(5)
    variables = moved(layer, inputs)
    reference = nn.ConvTranspose(5, (2,) * len(space), (2,) * len(space))
    expected = reference.apply({"params": flipped(variables["params"])}, inputs)
    np.testing.assert_allclose(layer.apply(variables, inputs), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("space", [(13,), (7, 9), (5, 6, 7)])
def test_sides_that_do_not_divide_are_padded_inside_and_cropped(space):
    """What is predicted is what the network predicts of inputs that were mirrored before."""
    inputs = jax.random.normal(jax.random.key(0), (2, *space, 2))
    variables = moved(SMALL, inputs)
    outputs = SMALL.apply(variables, inputs)
    assert outputs.shape == (2, *space, 3)
    larger = jnp.pad(inputs, [(0, 0), *((0, -size % 4) for size in space), (0, 0)], mode="symmetric")
    expected = SMALL.apply(variables, larger)[(slice(None), *map(slice, space))]
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.slow
def test_recomputed_activations_give_the_same_numbers():
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 2))
    variables = moved(SMALL, images)

    def step(model, params):
        def loss(params):
            given = {**variables, "params": params}
            outputs, changed = model.apply(
                given, images, train=True, rngs={"dropout": jax.random.key(1)}, mutable=["batch_stats"]
            )
            return jnp.square(outputs).sum(), changed

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)

    one, two = (step(SMALL.clone(dropout=0.3, remat=remat), variables["params"]) for remat in (False, True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), one, two)
