import dataclasses
import json
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow import layers as L
from jaxflow.experiment import dumps
from jaxflow.experiment_files import FILE_MODULE
from jaxflow.flags.override import override
from jaxflow.models.sequential.layers.steps import plan
from jaxflow.serialization import from_json
from jaxflow.training.prepare import prepare_training

CIFAR = jaxflow.Sequential(
    (
        L.Conv(32), L.Relu(), L.MaxPool(2), L.Conv(64), L.Relu(), L.MaxPool(2), L.Conv(64), L.Relu(),
        L.Flatten(), L.Dense(64), L.Relu(), L.Dense(),
    ),
    outputs=10,
)  # fmt: skip
IMAGES = np.random.RandomState(0).rand(2, 8, 8, 3).astype(np.float32)


def applied(layers, inputs, train=False, key=1, **fields):
    model = jaxflow.Sequential(layers, **fields)
    variables = model.init(jax.random.key(0), inputs)
    rngs = {"dropout": jax.random.key(key)}
    return model.apply(variables, inputs, train=train, rngs=rngs, mutable=["batch_stats"])[0], variables


def test_the_cifar_network_is_cnn_s_program_with_its_parameters():
    """The same text of the training program, and the same initial parameters: so the same bits, and as fast."""
    images = np.random.RandomState(0).rand(2, 32, 32, 3).astype(np.float32)

    def program(model):
        def loss(params, images):
            return jnp.square(model.apply({"params": params}, images, train=True)).sum()

        params = jax.jit(model.init)(jax.random.key(3), images)["params"]
        return params, jax.jit(jax.value_and_grad(loss)).lower(params, images).as_text()

    (params, text), (expected_params, expected_text) = program(CIFAR), program(jaxflow.CNN(outputs=10))
    jax.tree.map(np.testing.assert_array_equal, params, expected_params)
    assert text == expected_text


@pytest.mark.parametrize(
    ("layers", "pools"),
    [
        ((L.Conv(2), L.Relu(), L.MaxPool(3)), [("layers.0 Conv with layers.2 MaxPool", 3), ("layers.1 Relu", 1)]),
        ((L.Conv(2), L.MaxPool(2)), [("layers.0 Conv with layers.1 MaxPool", 2)]),
        ((L.Conv(2), L.Gelu(), L.MaxPool(2)), [("layers.0 Conv", 1), ("layers.1 Gelu", 1), ("layers.2 MaxPool", 1)]),
        ((L.MaxPool(2), L.Conv(2)), [("layers.0 MaxPool", 1), ("layers.1 Conv", 1)]),
        (
            (L.Conv(2), L.MaxPool(2), L.MaxPool(2)),
            [("layers.0 Conv with layers.1 MaxPool", 2), ("layers.2 MaxPool", 1)],
        ),
    ],
)
def test_pooling_joins_a_convolution_where_nothing_changes(layers, pools):
    assert [(step.name, step.pool) for step in plan(layers, "layers")] == pools
    last = L.Conv(3, kernel=1)
    outputs, variables = applied((*layers, last), IMAGES, outputs=3)
    x = IMAGES  # and the same layers one by one
    for position, layer in enumerate((*layers, last)):
        own = {k: v for k, v in variables["params"].items() if isinstance(layer, L.Conv)}
        number = sum(isinstance(other, L.Conv) for other in layers[:position])
        own = {"params": {"Conv_0": own[f"Conv_{number}"]}} if own else {}
        x = One(layer).apply(own, x)
    np.testing.assert_allclose(outputs, x, rtol=1e-6, atol=1e-6)


class One(nn.Module):
    """A layer by itself."""

    layer: L.Conv

    @nn.compact
    def __call__(self, inputs, train=False):
        return self.layer(inputs, train)


ACTIVATIONS = {
    L.Relu(): lambda x: np.maximum(x, 0),
    L.LeakyRelu(0.2): lambda x: np.where(x > 0, x, 0.2 * x),
    L.Elu(): lambda x: np.where(x > 0, x, np.expm1(x)),
    L.Selu(): lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    L.Gelu(): lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    L.Silu(): lambda x: x / (1 + np.exp(-x)),
    L.Softplus(): lambda x: np.log1p(np.exp(x)),
    L.Tanh(): np.tanh,
    L.Sigmoid(): lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=lambda layer: type(layer).__name__)
def test_activations_are_their_formulas(layer):
    x = np.linspace(-3, 3, 31, dtype=np.float32)
    np.testing.assert_allclose(layer(jnp.asarray(x), False), ACTIVATIONS[layer](x), atol=1e-6)
    grid = np.asarray(layer(jnp.linspace(-3, 3, 1001), False))
    assert (np.diff(grid) < -1e-6).any() == isinstance(layer, L.Gelu | L.Silu)  # what is pooled after it


def test_norms_and_pools_are_their_formulas():
    x = 3 * np.random.RandomState(1).rand(4, 6, 5, 8).astype(np.float32) + 1

    def normalized(values, axes, mean=True):
        middle = values.mean(axes, keepdims=True) if mean else 0
        return (values - middle) / np.sqrt(np.square(values - middle).mean(axes, keepdims=True) + 1e-5)

    groups = normalized(x.reshape(4, 6, 5, 2, 4), (1, 2, 4)).reshape(x.shape)
    for layer, expected in (
        (L.LayerNorm(), normalized(x, (3,))),
        (L.RMSNorm(), normalized(x, (3,), mean=False)),
        (L.GroupNorm(groups=2), groups),
        (L.AvgPool(2), x[:, :, :4].reshape(4, 3, 2, 2, 2, 8).mean((2, 4))),
        (L.MaxPool(2), x[:, :, :4].reshape(4, 3, 2, 2, 2, 8).max((2, 4))),
        (L.GlobalAveragePool(), x.mean((1, 2))),
        (L.Flatten(), x.reshape(4, -1)),
    ):
        np.testing.assert_allclose(applied((layer,), x)[0], expected, atol=1e-4)
    np.testing.assert_allclose(applied((L.BatchNorm(),), x, train=True)[0], normalized(x, (0, 1, 2)), atol=1e-4)


def test_a_residual_adds_its_input():
    vectors = np.random.RandomState(0).rand(3, 5).astype(np.float32)
    outputs, variables = applied((L.Residual((L.Dense(5), L.Tanh())),), vectors)
    dense = variables["params"]["Dense_0"]
    np.testing.assert_allclose(outputs, vectors + np.tanh(vectors @ dense["kernel"]), atol=1e-6)


def test_tokens_are_embedded_and_a_text_is_classified():
    tokens = np.array([[1, 2, 0], [3, 3, 4]], np.int32)
    layers = (L.Embedding(6), L.GlobalAveragePool(), L.Dense())
    outputs, variables = applied(layers, tokens, vocab_size=5, outputs=2)
    params = variables["params"]
    table, head = params["Embedding_0"]["table"], params["Dense_0"]["kernel"]
    np.testing.assert_allclose(outputs, np.asarray(table)[tokens].mean(1) @ head, atol=1e-6)


def test_half_precision_keeps_float32_parameters_and_outputs():
    full, variables = applied(CIFAR.layers[:2] + CIFAR.layers[8:], IMAGES, outputs=3)
    model = jaxflow.Sequential(CIFAR.layers[:2] + CIFAR.layers[8:], dtype="bfloat16", outputs=3)
    half = model.apply(variables, IMAGES)
    assert {leaf.dtype for leaf in jax.tree.leaves((variables, half))} == {jnp.dtype("float32")}
    np.testing.assert_allclose(half, full, atol=0.1)
    assert not np.array_equal(half, full)


class Twice(nn.Module):
    """A layer of one's own."""

    @nn.compact
    def __call__(self, inputs, train):
        return 2 * nn.Dense(4)(inputs)


def test_layers_of_one_s_own_are_linen_modules_or_dataclasses():
    vectors = np.ones((2, 3), np.float32)
    outputs, variables = applied((Twice(), L.Dense(2)), vectors)
    first, second = variables["params"]["layers_0"]["Dense_0"], variables["params"]["Dense_0"]
    np.testing.assert_allclose(outputs, 2 * vectors @ first["kernel"] @ second["kernel"], rtol=1e-5)


@pytest.fixture
def small(experiment):
    layers = (L.Conv(4), L.Relu(), L.MaxPool(2), L.Flatten(), L.Dropout(0.2), L.Dense(8), L.BatchNorm(), L.Dense())
    return dataclasses.replace(experiment, model=jaxflow.Sequential(layers))


def test_experiments_hold_layers_and_flags_change_them(small, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(FILE_MODULE)]:
        monkeypatch.delitem(sys.modules, name)  # an experiment file of another test may have a class Residual
    assert from_json(json.loads(dumps(small))) == small
    assert json.loads(dumps(small))["model"]["layers"][1] == {"class": "jaxflow.layers:Relu"}
    flags = ["--model.layers.0.features=16", "--model.layers.1=Gelu", "--model.layers.4.rate=0.5"]
    changed = override(small, [*flags, "--model.layers+=Residual", "--model.layers.8.layers=Dense"]).model.layers
    assert changed[:2] == (L.Conv(16), L.Gelu())
    assert changed[4] == L.Dropout(0.5)
    assert changed[8] == L.Residual((L.Dense(),))
    chosen = override(small, ["--model=Sequential", "--model.layers=Flatten,Dense"]).model
    assert chosen == jaxflow.Sequential((L.Flatten(), L.Dense()))
    with pytest.raises(jaxflow.UserError, match="no class Dens; perhaps you meant Dense"):
        override(small, ["--model.layers+=Dens"])


def test_numbers_of_layers_are_arguments_of_the_program(small, toy):
    """Runs that differ in a dropout rate alone share what is compiled."""
    other = override(small, ["--model.layers.4.rate=0.3", "--model.layers.6.momentum=0.8"])
    one, two = (prepare_training(each, toy).program for each in (small, other))
    assert one.structure == two.structure
    assert one.arguments.tolist() != two.arguments.tolist()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "layers is empty"),
        ((L.Conv(8), L.Dense()), r"layers\.1 Dense: a fully connected layer takes vectors, and gets \(4, 4, 8\); put"),
        ((L.Conv(8), L.Relu(), L.MaxPool(9), L.Flatten(), L.Dense()), r"layers\.0 Conv with layers\.2 MaxPool: a pool"),
        ((L.AvgPool(9), L.Flatten(), L.Dense()), r"layers\.0 AvgPool: a pool of \(9, 9\) does not fit into \(6, 6\)"),
        ((L.Conv(8, kernel=9), L.Flatten(), L.Dense()), r"layers\.0 Conv: a window of \(9, 9\) does not fit"),
        ((L.Flatten(), L.Conv(8), L.Dense()), r"layers\.1 Conv: a convolution goes over images"),
        ((L.Flatten(), L.MaxPool(), L.Dense()), r"layers\.1 MaxPool: pooling takes series"),
        ((L.Flatten(), L.Dense(), L.Dense()), r"layers\.1 Dense: it has no features"),
        ((L.Flatten(), L.Dense(4)), r"layers\.1 Dense, the last layer, has 4 outputs, and 3 are needed"),
        ((L.Flatten(), L.Dense(3), L.Relu()), r"model\.layers ends with Relu, and the problem takes raw outputs"),
        ((L.Embedding(), L.Dense()), r"layers\.0 Embedding: it takes tokens"),
        ((L.Conv(6), L.GroupNorm(4), L.Flatten(), L.Dense()), r"layers\.1 GroupNorm: 4 groups do not divide 6"),
        ((L.Residual((L.Conv(1),)), L.Flatten(), L.Dense()), r"layers\.0 Residual: what its layers make of"),
        ((L.Flatten(), L.Dense(4), L.GroupNorm(4), L.Dense()), r"layers\.2 GroupNorm: group normalisation has one"),
    ],
)
def test_what_does_not_fit_is_named_by_its_position(layers, message, small, toy):
    with pytest.raises(jaxflow.UserError, match=message) as error:
        prepare_training(dataclasses.replace(small, model=jaxflow.Sequential(layers)), toy)
    assert "\n" not in str(error.value)


def test_what_is_no_layer_is_refused(small):
    for wrong in (nn.Dense(3), "Dense", L.Dense):
        with pytest.raises(jaxflow.UserError, match=r"model\.layers\.0 is"):
            dataclasses.replace(small, model=jaxflow.Sequential((wrong,)))
