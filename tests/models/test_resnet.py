import dataclasses
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers import Conv
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


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({}, 11_689_512),
        ({"blocks": (3, 4, 6, 3)}, 21_797_672),
        ({"blocks": (3, 4, 6, 3), "block": "bottleneck"}, 25_557_032),
        ({"norm": "group"}, 11_689_512),
    ],
)
def test_networks_of_the_source_have_torchvision_s_parameter_counts(fields, count):
    model = jaxflow.ResNet(stem="imagenet", outputs=1000, **fields)
    images = jnp.zeros((1, 224, 224, 3))
    variables = jax.eval_shape(model.init, jax.random.key(0), images)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == count
    last = f"Block_{sum(model.blocks) - 1}"
    _, captured = jax.eval_shape(
        partial(model.apply, capture_intermediates=True, mutable=["intermediates"]), variables, images
    )
    assert captured["intermediates"]["Block_0"]["__call__"][0].shape[1:3] == (56, 56)
    assert captured["intermediates"][last]["__call__"][0].shape[1:3] == (7, 7)


def test_resnet_9_has_the_known_parameter_count():
    """Its convolutions and norms have 6,568,000, the head 5,120 and, which the source leaves out, 10 biases."""
    model = jaxflow.ResNet9(outputs=10)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 6_573_130


@pytest.mark.slow
def test_resnet_9_is_the_one_written_in_flax():
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            def layer(x, width, pool=False):
                x = nn.Conv(width, (3, 3), use_bias=False)(x)
                x = nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-5)(x))
                return nn.max_pool(x, (2, 2), (2, 2)) if pool else x

            x = layer(layer(x, 2), 3, True)
            x = x + layer(layer(x, 3), 3)
            x = layer(layer(x, 4, True), 5, True)
            x = x + layer(layer(x, 5), 5)
            return nn.Dense(3)(x.max((1, 2))) / 8

    model = jaxflow.ResNet9(widths=(2, 3, 4, 5), outputs=3)
    images = jax.random.normal(jax.random.key(1), (2, 16, 16, 3))
    variables = jax.tree.map(lambda leaf: leaf + 0.1, jax.jit(model.init)(jax.random.key(0), images))
    expected = Reference().apply({kind: unwrap(tree) for kind, tree in variables.items()}, images)
    np.testing.assert_allclose(model.apply(variables, images), expected, rtol=1e-4, atol=1e-5)


def test_a_bottleneck_is_the_one_written_in_flax():
    class Reference(nn.Module):
        @nn.compact
        def __call__(self, x):
            norm = lambda: nn.BatchNorm(use_running_average=True, epsilon=1e-5)  # noqa: E731
            y = nn.relu(norm()(nn.Conv(2, (1, 1), use_bias=False, name="Conv_0")(x)))
            y = nn.relu(norm()(nn.Conv(2, (3, 3), 2, use_bias=False, name="Conv_1")(y)))
            y = norm()(nn.Conv(8, (1, 1), use_bias=False, name="Conv_2")(y))
            return nn.relu(y + norm()(nn.Conv(8, (1, 1), 2, use_bias=False, name="Conv_3")(x)))

    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 4))
    block = Block(2, 2, "bottleneck")
    variables = jax.tree.map(lambda leaf: leaf + 0.1, block.init(jax.random.key(0), x, train=False))
    expected = Reference().apply({kind: unwrap(tree) for kind, tree in variables.items()}, x)
    np.testing.assert_allclose(block.apply(variables, x, train=False), expected, atol=1e-5)


@pytest.mark.slow
def test_recomputed_activations_give_the_same_numbers():
    variables = jax.jit(SMALL.init)(jax.random.key(0), IMAGES)
    variables = jax.tree.map(lambda leaf: leaf + 0.1, variables)

    def step(model, rate):
        def loss(params, rate):
            outputs, changed = model.clone(stochastic_depth=rate).apply(
                {**variables, "params": params},
                IMAGES,
                train=True,
                rngs={"dropout": jax.random.key(1)},
                mutable=["batch_stats"],
            )
            return jnp.square(outputs).sum(), changed

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"], rate)

    one, two = (step(SMALL.clone(remat=remat), 0.5) for remat in (False, True))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), one, two)
    assert one[0][0] != step(SMALL, 0.0)[0][0]


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


def torch_windows(inputs, kernel, strides):
    """PyTorch's convolution: kernel // 2 zeros on both sides of each axis, then a window every `strides` pixels."""
    side = kernel.shape[0]
    padded = np.pad(inputs, ((0, 0), *((side // 2, side // 2),) * 2, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::strides, ::strides]
    return np.einsum("bhwcij,ijcf->bhwf", windows, kernel)


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (8, 5)])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_centred_windows_are_torch_s_on_even_and_odd_sides(shape, kernel):
    inputs = np.random.RandomState(0).randn(2, *shape, 3).astype(np.float32)
    layer = Conv(4, kernel, "CENTERED", 2, bias=False)
    variables = layer.init(jax.random.key(0), inputs)
    expected = torch_windows(inputs, np.asarray(variables["params"]["kernel"]), 2)
    assert expected.shape[1:3] == tuple(-(-side // 2) for side in shape)
    np.testing.assert_allclose(layer.apply(variables, inputs), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(16, 16), (15, 18)])
def test_the_stem_of_imagenet_is_torch_s_and_that_of_cifar_starts_at_the_pixels(shape):
    images = np.random.RandomState(0).randn(1, *shape, 3).astype(np.float32)
    for stem in ("imagenet", "cifar"):
        model = SMALL.clone(stem=stem, norm="none")
        variables = jax.tree.map(lambda leaf: leaf + 0.1, jax.jit(model.init)(jax.random.key(0), images))
        _, captured = model.apply(
            variables, images, capture_intermediates=lambda module, _: isinstance(module, Conv), mutable="intermediates"
        )
        first = captured["intermediates"]["Conv_0"]["__call__"][0]
        halved = captured["intermediates"]["Block_1"]["Conv_0"]["__call__"][0]
        kernel = np.asarray(variables["params"]["Conv_0"]["kernel"])
        expected = torch_windows(images, kernel, 2 if stem == "imagenet" else 1)
        np.testing.assert_allclose(first, expected, rtol=1e-4, atol=1e-4)
        before = {"imagenet": 4, "cifar": 1}[stem]
        assert halved.shape[1:3] == tuple(-(-side // before // 2) for side in shape)


def unwrap(tree):
    """Our BatchNorm holds Flax's under a name of its own."""
    return {name: part.get("BatchNorm_0", part) for name, part in tree.items()}


@pytest.mark.parametrize(
    "change",
    [
        {"widths": (4, 6)}, {"blocks": (2, 2)}, {"dtype": "bfloat16"}, {"outputs": 5}, {"block": "bottleneck"},
        {"stem": "imagenet"}, {"norm": "group"}, {"norm": "none"}, {"kernel_init": "orthogonal"},
    ],
)  # fmt: skip
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
