import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.resnet import Block

SMALL = jaxflow.ResNet(widths=(4, 8), blocks=(1, 2), outputs=3)
IMAGES = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))


def test_resnet_18_has_the_known_parameter_count_and_strides():
    model = jaxflow.ResNet(outputs=10)
    images = jnp.zeros((1, 32, 32, 3))

    def traced(key):
        variables = model.init(key, images)
        return variables, model.apply(variables, images, capture_intermediates=True, mutable=["intermediates"])

    variables, (outputs, captured) = jax.eval_shape(traced, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == 11_173_962
    assert outputs.shape == (1, 10)
    shapes = [captured["intermediates"][f"Block_{number}"]["__call__"][0].shape[1:] for number in range(8)]
    assert shapes == [(32, 32, 64)] * 2 + [(16, 16, 128)] * 2 + [(8, 8, 256)] * 2 + [(4, 4, 512)] * 2


def test_a_block_starts_as_its_shortcut():
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 4))
    variables = Block(4).init(jax.random.key(0), x, train=False)
    np.testing.assert_array_equal(Block(4).apply(variables, x, train=False), nn.relu(x))
    trained = jax.tree.map(lambda leaf: leaf + 0.1, variables)
    assert not np.allclose(Block(4).apply(trained, x, train=False), nn.relu(x))


def test_a_block_is_the_one_written_in_flax():
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            norm = lambda: nn.BatchNorm(use_running_average=True, epsilon=1e-5)  # noqa: E731
            y = nn.Conv(6, (3, 3), 2, use_bias=False, name="Conv_0")(x)
            y = nn.Conv(6, (3, 3), use_bias=False, name="Conv_1")(nn.relu(norm()(y)))
            y = norm()(y)
            return nn.relu(y + norm()(nn.Conv(6, (1, 1), 2, use_bias=False, name="Conv_2")(x)))

    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 4))
    variables = jax.tree.map(lambda leaf: leaf + 0.1, Block(6, 2).init(jax.random.key(0), x, train=False))
    expected = Reference().apply({kind: unwrap(tree) for kind, tree in variables.items()}, x)
    np.testing.assert_allclose(Block(6, 2).apply(variables, x, train=False), expected, atol=1e-5)


def unwrap(tree):
    """Our BatchNorm holds Flax's under a name of its own."""
    return {name: part.get("BatchNorm_0", part) for name, part in tree.items()}


@pytest.mark.parametrize("change", [{"widths": (4, 6)}, {"blocks": (2, 2)}, {"dtype": "bfloat16"}, {"outputs": 5}])
def test_no_field_is_dead(change):
    other = dataclasses.replace(SMALL, **change)
    results = [
        str(jax.make_jaxpr(lambda key, m=model: m.init_with_output(key, IMAGES)[0])(jax.random.key(0)))
        for model in (SMALL, other)
    ]
    assert results[0] != results[1]


@pytest.mark.slow
def test_half_precision_keeps_float32_parameters_and_outputs():
    variables = SMALL.init(jax.random.key(1), IMAGES)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    outputs = SMALL.clone(dtype="bfloat16").apply(variables, IMAGES)
    assert outputs.dtype == jnp.float32
    np.testing.assert_allclose(outputs, SMALL.apply(variables, IMAGES), atol=0.1)


def test_stages_need_a_width_and_a_number_of_blocks_each():
    with pytest.raises(ValueError, match="2 widths but 1 blocks"):
        dataclasses.replace(SMALL, blocks=(1,)).init(jax.random.key(0), IMAGES)
