"""What every model of jaxflow shares: names of parameters, collections that `init` makes, and named features."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow import layers

VECTORS, COLUMNS = np.ones((2, 5), np.float32), np.ones((2, 5), np.float32)
IMAGES = np.random.RandomState(0).rand(2, 7, 5, 3).astype(np.float32)
LARGER = np.random.RandomState(0).rand(2, 9, 8, 3).astype(np.float32)
TOKENS = np.random.RandomState(0).randint(1, 9, (2, 6)).astype(np.int32)
SERIES = np.random.RandomState(0).rand(2, 6, 3).astype(np.float32)

MODELS = {
    "MLP": (jaxflow.MLP(hidden=(4,), outputs=2), VECTORS),
    "MLP of categories": (jaxflow.MLP(hidden=(4,), cardinalities=(3, 120), outputs=2), COLUMNS),
    "CNN": (jaxflow.CNN(widths=(4, 5), pools=1, hidden=(3,), norm="batch", padding="SAME", outputs=2), IMAGES),
    "ResNet": (jaxflow.ResNet(widths=(4, 8), blocks=(1, 1), outputs=2), IMAGES),
    "ResNet9": (jaxflow.ResNet9(widths=(2, 3, 4, 5), outputs=2), LARGER),
    "Sequential": (
        jaxflow.Sequential((layers.Conv(4), layers.BatchNorm(), layers.Flatten(), layers.Dense()), outputs=2),
        IMAGES,
    ),
    "UNet": (jaxflow.UNet(widths=(2, 4), convolutions=1, outputs=2), IMAGES),
    "TabularResNet": (jaxflow.TabularResNet(width=4, hidden=3, blocks=1, outputs=2), VECTORS),
    "AirbenchCNN": (jaxflow.AirbenchCNN(widths=(4,), outputs=2), IMAGES),
    "LinkNet": (jaxflow.LinkNet(widths=(2, 4), convolutions=1, outputs=2), IMAGES),
    "CausalCNN": (jaxflow.CausalCNN(width=4, dilations=(1, 2), vocab_size=9, outputs=9), TOKENS),
    "MLPAutoencoder": (jaxflow.MLPAutoencoder(hidden=(4,), bottleneck=2), VECTORS),
    "ConvAutoencoder": (jaxflow.ConvAutoencoder(widths=(2, 4), bottleneck=3), IMAGES),
    "BagOfTokens": (jaxflow.BagOfTokens(width=4, hidden=(3,), vocab_size=9, outputs=2), TOKENS),
    "RNN": (jaxflow.RNN(width=4, outputs=2), SERIES),
    "GRU": (jaxflow.GRU(width=4, bidirectional=True, outputs=2), SERIES),
    "LSTM": (jaxflow.LSTM(width=4, layers=2, vocab_size=9, outputs=2), TOKENS),
    "TCN": (jaxflow.TCN(width=4, dilations=(1,), outputs=2), SERIES),
    "TransformerEncoder": (jaxflow.TransformerEncoder(1, 2, 4, pool="class", vocab_size=9, outputs=2), TOKENS),
    "TransformerDecoder": (jaxflow.TransformerDecoder(1, 2, 4, tied=False, vocab_size=9, outputs=9), TOKENS),
    "ViT": (jaxflow.ViT(2, 1, 2, 4, outputs=2), IMAGES[:, :6, :4]),
}

# Channels of ResNet9's convolutions, and of UNet's blocks by number.
NINE = (2, 3, 3, 3, 4, 5, 5, 5)
LEVELS = ((0, 2), (1, 4), (2, 2))
# Names and shapes as checkpoints have them: a renamed class of a submodule must not rename what was saved.
VARIABLES = {
    "MLP": {
        "params/Dense_0/bias": (4,),
        "params/Dense_0/kernel": (5, 4),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (4, 2),
    },
    "MLP of categories": {
        "params/Dense_0/bias": (4,),
        "params/Dense_0/kernel": (55, 4),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (4, 2),
        "params/Embedding_0/embedding": (3, 2),
        "params/Embedding_1/embedding": (120, 50),
    },
    "CNN": {
        "batch_stats/BatchNorm_0/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_0/BatchNorm_0/var": (4,),
        "batch_stats/BatchNorm_1/BatchNorm_0/mean": (5,),
        "batch_stats/BatchNorm_1/BatchNorm_0/var": (5,),
        "params/BatchNorm_0/BatchNorm_0/bias": (4,),
        "params/BatchNorm_0/BatchNorm_0/scale": (4,),
        "params/BatchNorm_1/BatchNorm_0/bias": (5,),
        "params/BatchNorm_1/BatchNorm_0/scale": (5,),
        "params/Conv_0/bias": (4,),
        "params/Conv_0/kernel": (3, 3, 3, 4),
        "params/Conv_1/bias": (5,),
        "params/Conv_1/kernel": (3, 3, 4, 5),
        "params/Dense_0/bias": (3,),
        "params/Dense_0/kernel": (30, 3),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (3, 2),
    },
    "ResNet": {
        "batch_stats/BatchNorm_0/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_0/BatchNorm_0/var": (4,),
        "batch_stats/Block_0/BatchNorm_0/BatchNorm_0/mean": (4,),
        "batch_stats/Block_0/BatchNorm_0/BatchNorm_0/var": (4,),
        "batch_stats/Block_0/BatchNorm_1/BatchNorm_0/mean": (4,),
        "batch_stats/Block_0/BatchNorm_1/BatchNorm_0/var": (4,),
        "batch_stats/Block_1/BatchNorm_0/BatchNorm_0/mean": (8,),
        "batch_stats/Block_1/BatchNorm_0/BatchNorm_0/var": (8,),
        "batch_stats/Block_1/BatchNorm_1/BatchNorm_0/mean": (8,),
        "batch_stats/Block_1/BatchNorm_1/BatchNorm_0/var": (8,),
        "batch_stats/Block_1/BatchNorm_2/BatchNorm_0/mean": (8,),
        "batch_stats/Block_1/BatchNorm_2/BatchNorm_0/var": (8,),
        "params/BatchNorm_0/BatchNorm_0/bias": (4,),
        "params/BatchNorm_0/BatchNorm_0/scale": (4,),
        "params/Block_0/BatchNorm_0/BatchNorm_0/bias": (4,),
        "params/Block_0/BatchNorm_0/BatchNorm_0/scale": (4,),
        "params/Block_0/BatchNorm_1/BatchNorm_0/bias": (4,),
        "params/Block_0/BatchNorm_1/BatchNorm_0/scale": (4,),
        "params/Block_0/Conv_0/kernel": (3, 3, 4, 4),
        "params/Block_0/Conv_1/kernel": (3, 3, 4, 4),
        "params/Block_1/BatchNorm_0/BatchNorm_0/bias": (8,),
        "params/Block_1/BatchNorm_0/BatchNorm_0/scale": (8,),
        "params/Block_1/BatchNorm_1/BatchNorm_0/bias": (8,),
        "params/Block_1/BatchNorm_1/BatchNorm_0/scale": (8,),
        "params/Block_1/BatchNorm_2/BatchNorm_0/bias": (8,),
        "params/Block_1/BatchNorm_2/BatchNorm_0/scale": (8,),
        "params/Block_1/Conv_0/kernel": (3, 3, 4, 8),
        "params/Block_1/Conv_1/kernel": (3, 3, 8, 8),
        "params/Block_1/Conv_2/kernel": (1, 1, 4, 8),
        "params/Conv_0/kernel": (3, 3, 3, 4),
        "params/Dense_0/bias": (2,),
        "params/Dense_0/kernel": (8, 2),
    },
    "ResNet9": {
        **{f"batch_stats/BatchNorm_{n}/BatchNorm_0/{k}": (w,) for n, w in enumerate(NINE) for k in ("mean", "var")},
        **{f"params/BatchNorm_{n}/BatchNorm_0/{k}": (w,) for n, w in enumerate(NINE) for k in ("bias", "scale")},
        **{f"params/Conv_{n}/kernel": (3, 3, a, b) for n, (a, b) in enumerate(zip((3, *NINE), NINE))},
        "params/Dense_0/bias": (2,),
        "params/Dense_0/kernel": (5, 2),
    },
    "Sequential": {
        "batch_stats/BatchNorm_0/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_0/BatchNorm_0/var": (4,),
        "params/BatchNorm_0/BatchNorm_0/bias": (4,),
        "params/BatchNorm_0/BatchNorm_0/scale": (4,),
        "params/Conv_0/bias": (4,),
        "params/Conv_0/kernel": (3, 3, 3, 4),
        "params/Dense_0/bias": (2,),
        "params/Dense_0/kernel": (60, 2),
    },
    "UNet": {
        **{f"batch_stats/UNetBlock_{n}/BatchNorm_0/BatchNorm_0/{k}": (w,) for n, w in LEVELS for k in ("mean", "var")},
        **{f"params/UNetBlock_{n}/BatchNorm_0/BatchNorm_0/{k}": (w,) for n, w in LEVELS for k in ("bias", "scale")},
        "params/UNetBlock_0/Conv_0/kernel": (3, 3, 3, 2),
        "params/UNetBlock_1/Conv_0/kernel": (3, 3, 2, 4),
        "params/UNetBlock_2/Conv_0/kernel": (3, 3, 4, 2),
        "params/ConvTranspose_0/bias": (2,),
        "params/ConvTranspose_0/kernel": (2, 2, 4, 2),
        "params/Conv_0/bias": (2,),
        "params/Conv_0/kernel": (1, 1, 2, 2),
    },
    "TabularResNet": {
        **{f"batch_stats/BatchNorm_{n}/BatchNorm_0/{k}": (4,) for n in (0, 1) for k in ("mean", "var")},
        **{f"params/BatchNorm_{n}/BatchNorm_0/{k}": (4,) for n in (0, 1) for k in ("bias", "scale")},
        **{f"params/Dense_{n}/bias": (w,) for n, w in enumerate((4, 3, 4, 2))},
        "params/Dense_0/kernel": (5, 4),
        "params/Dense_1/kernel": (4, 3),
        "params/Dense_2/kernel": (3, 4),
        "params/Dense_3/kernel": (4, 2),
    },
    "AirbenchCNN": {
        "batch_stats/BatchNorm_0/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_0/BatchNorm_0/var": (4,),
        "batch_stats/BatchNorm_1/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_1/BatchNorm_0/var": (4,),
        "constants/Whitening_0/kernel": (2, 2, 3, 24),
        "params/BatchNorm_0/BatchNorm_0/bias": (4,),
        "params/BatchNorm_1/BatchNorm_0/bias": (4,),
        "params/Conv_0/kernel": (3, 3, 24, 4),
        "params/Conv_1/kernel": (3, 3, 4, 4),
        "params/Whitening_0/bias": (24,),
        "params/head": (4, 2),
    },
    "LinkNet": {
        "batch_stats/BatchNorm_0/BatchNorm_0/mean": (2,),
        "batch_stats/BatchNorm_0/BatchNorm_0/var": (2,),
        "batch_stats/BatchNorm_1/BatchNorm_0/mean": (4,),
        "batch_stats/BatchNorm_1/BatchNorm_0/var": (4,),
        "batch_stats/BatchNorm_2/BatchNorm_0/mean": (2,),
        "batch_stats/BatchNorm_2/BatchNorm_0/var": (2,),
        "params/BatchNorm_0/BatchNorm_0/bias": (2,),
        "params/BatchNorm_0/BatchNorm_0/scale": (2,),
        "params/BatchNorm_1/BatchNorm_0/bias": (4,),
        "params/BatchNorm_1/BatchNorm_0/scale": (4,),
        "params/BatchNorm_2/BatchNorm_0/bias": (2,),
        "params/BatchNorm_2/BatchNorm_0/scale": (2,),
        "params/Conv_0/bias": (2,),
        "params/Conv_0/kernel": (3, 3, 3, 2),
        "params/Conv_1/bias": (4,),
        "params/Conv_1/kernel": (3, 3, 2, 4),
        "params/Conv_2/bias": (2,),
        "params/Conv_2/kernel": (1, 1, 4, 2),
        "params/Conv_3/bias": (2,),
        "params/Conv_3/kernel": (3, 3, 2, 2),
        "params/Conv_4/bias": (2,),
        "params/Conv_4/kernel": (1, 1, 2, 2),
    },
    "CausalCNN": {
        "params/Dense_0/bias": (9,),
        "params/Dense_0/kernel": (4, 9),
        "params/Embedding_0/table": (9, 4),
        "params/GatedBlock_0/Dense_0/bias": (4,),
        "params/GatedBlock_0/Dense_0/kernel": (4, 4),
        "params/GatedBlock_0/LayerNorm_0/bias": (4,),
        "params/GatedBlock_0/LayerNorm_0/scale": (4,),
        "params/GatedBlock_0/bias": (8,),
        "params/GatedBlock_0/kernel": (2, 4, 8),
        "params/GatedBlock_1/Dense_0/bias": (4,),
        "params/GatedBlock_1/Dense_0/kernel": (4, 4),
        "params/GatedBlock_1/LayerNorm_0/bias": (4,),
        "params/GatedBlock_1/LayerNorm_0/scale": (4,),
        "params/GatedBlock_1/bias": (8,),
        "params/GatedBlock_1/kernel": (2, 4, 8),
        "params/LayerNorm_0/bias": (4,),
        "params/LayerNorm_0/scale": (4,),
    },
    "MLPAutoencoder": {
        "params/Dense_0/bias": (4,),
        "params/Dense_0/kernel": (5, 4),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (4, 2),
        "params/Dense_2/bias": (4,),
        "params/Dense_2/kernel": (2, 4),
        "params/Dense_3/bias": (5,),
        "params/Dense_3/kernel": (4, 5),
    },
    "ConvAutoencoder": {
        "params/Conv_0/bias": (2,),
        "params/Conv_0/kernel": (3, 3, 3, 2),
        "params/Conv_1/bias": (4,),
        "params/Conv_1/kernel": (3, 3, 2, 4),
        "params/Conv_2/bias": (2,),
        "params/Conv_2/kernel": (3, 3, 4, 2),
        "params/Conv_3/bias": (3,),
        "params/Conv_3/kernel": (3, 3, 2, 3),
        "params/Dense_0/bias": (3,),
        "params/Dense_0/kernel": (16, 3),
        "params/Dense_1/bias": (16,),
        "params/Dense_1/kernel": (3, 16),
    },
    "BagOfTokens": {
        "params/Dense_0/bias": (3,),
        "params/Dense_0/kernel": (4, 3),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (3, 2),
        "params/Embedding_0/table": (9, 4),
    },
}

BLOCK = {
    "Attention_0/Dense_0/bias": (12,),
    "Attention_0/Dense_0/kernel": (4, 12),
    "Attention_0/Dense_1/bias": (4,),
    "Attention_0/Dense_1/kernel": (4, 4),
    "Dense_0/bias": (16,),
    "Dense_0/kernel": (4, 16),
    "Dense_1/bias": (4,),
    "Dense_1/kernel": (16, 4),
    "LayerNorm_0/bias": (4,),
    "LayerNorm_0/scale": (4,),
    "LayerNorm_1/bias": (4,),
    "LayerNorm_1/scale": (4,),
}


def recurrent(layer, inputs, products, **others):
    """Names and shapes of a recurrent layer of width 4."""
    shapes = {"kernel": (inputs, products), "state_kernel": (4, products), "bias": (products,)} | others
    return {f"params/RecurrentLayer_{layer}/{name}": shape for name, shape in shapes.items()}


def transformer(**others):
    """Names and shapes of a transformer of one block, and of its output."""
    block = {f"params/TransformerBlock_0/{name}": shape for name, shape in BLOCK.items()}
    head = {"LayerNorm_0/bias": (4,), "LayerNorm_0/scale": (4,)} | others
    return block | {f"params/{name}": shape for name, shape in head.items()}


def dense(number, inputs, outputs):
    return {f"Dense_{number}/bias": (outputs,), f"Dense_{number}/kernel": (inputs, outputs)}


def in_params(shapes):
    return {f"params/{name}": shape for name, shape in shapes.items()}


TABLE = {"Embedding_0/table": (9, 4)}
VARIABLES |= {
    "RNN": recurrent(0, 3, 4) | in_params(dense(0, 4, 2)),
    "GRU": recurrent(0, 3, 12, state_bias=(4,)) | recurrent(1, 3, 12, state_bias=(4,)) | in_params(dense(0, 8, 2)),
    "LSTM": recurrent(0, 4, 16) | recurrent(1, 4, 16) | in_params(dense(0, 4, 2) | TABLE),
    "TCN": in_params(
        dense(0, 3, 4) | dense(1, 4, 2) | {"LayerNorm_0/bias": (4,), "LayerNorm_0/scale": (4,)}
        | {f"GatedBlock_0/{name}": shape for name, shape in dense(0, 4, 4).items()}
        | {f"GatedBlock_0/LayerNorm_0/{name}": (4,) for name in ("bias", "scale")}
        | {"GatedBlock_0/bias": (8,), "GatedBlock_0/kernel": (3, 4, 8)}
    ),
    "TransformerEncoder": transformer(**dense(0, 4, 2), **TABLE, class_token=(1, 1, 4)),
    "TransformerDecoder": transformer(**dense(0, 4, 9), **TABLE),
    "ViT": transformer(**dense(0, 12, 4), **dense(1, 4, 2), class_token=(1, 1, 4), positions=(1, 7, 4)),
}  # fmt: skip


@pytest.fixture(params=MODELS, scope="module")
def named(request):
    model, inputs = MODELS[request.param]
    variables = jax.jit(model.init)(jax.random.key(0), inputs)
    # Values of layers that start at zero, and running averages, are moved off: all of them then matter.
    moved = jax.tree.map(lambda leaf: leaf + 0.1 * jnp.arange(leaf.size).reshape(leaf.shape) / leaf.size, variables)
    return request.param, model, moved, jnp.asarray(inputs)


def test_init_makes_the_variables_of_old_checkpoints_and_nothing_else(named):
    name, _, variables, _ = named
    leaves = jax.tree_util.tree_flatten_with_path(variables)[0]
    assert {"/".join(key.key for key in path): leaf.shape for path, leaf in leaves} == VARIABLES[name]


def test_features_are_what_the_head_takes(named):
    name, model, variables, inputs = named
    if name.endswith("Autoencoder"):
        pytest.skip("the features are the bottleneck, before several layers (tests/problems/test_autoencoding.py)")
    features = jax.jit(jaxflow.make_feature_step(model))(variables, inputs)
    assert features.shape[0] == 2
    assert features.dtype == jnp.float32
    params = variables["params"]
    head = (
        params["head"] if name == "AirbenchCNN" else params[max(k for k in params if k.startswith(("Dense", "Conv_")))]
    )
    outputs = jax.jit(model.apply)(variables, inputs).reshape(2, -1, model.outputs).mean(axis=1)
    if name == "AirbenchCNN":
        expected = features @ head / len(head)
    else:
        features = features / 8 if name == "ResNet9" else features
        bias = head["bias"] / 8 if name == "ResNet9" else head["bias"]
        expected = features @ head["kernel"].reshape(features.shape[1], -1) + bias[None]
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_naming_features_changes_no_program(named):
    _, model, variables, inputs = named

    def program():
        return jax.jit(partial(model.apply, train=False)).lower(variables, inputs).as_text()

    before = program()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "sow", lambda *arguments: False)
        assert program() == before


class OwnModel(nn.Module):
    outputs: int | None = None

    @nn.compact
    def __call__(self, inputs, train=False):
        x = nn.tanh(nn.Dense(3)(inputs))
        self.sow("intermediates", "hidden", x)
        return nn.Dense(self.outputs)(x)


def test_own_models_name_their_own_layers():
    model = OwnModel(outputs=2)
    variables = model.init(jax.random.key(0), VECTORS)
    step = jaxflow.make_feature_step(model, transform=lambda inputs: inputs / 2, name="hidden")
    first = variables["params"]["Dense_0"]
    np.testing.assert_allclose(step(variables, VECTORS), np.tanh(VECTORS / 2 @ first["kernel"]), rtol=1e-5)
    with pytest.raises(jaxflow.UserError, match=r"model OwnModel has no layer named 'features' \(named are hidden\)"):
        jaxflow.make_feature_step(model)(variables, VECTORS)


# By field: another value, for the fields that mean the same in every model.
CHANGES = {
    "activation": "tanh",
    "kernel_init": "orthogonal",
    "norm": "rms",
    "dropout": 0.5,
    "remat": True,
    "dtype": "bfloat16",
}
EVERYWHERE = {"kernel_init", "dtype"}


@pytest.mark.parametrize("name", MODELS)
def test_fields_of_one_name_are_everywhere_and_nowhere_dead(name):
    model, inputs = MODELS[name]
    changes = {field: value for field, value in CHANGES.items() if field in type(model).__dataclass_fields__}
    # Layers of a Sequential have their own.
    assert set(changes) >= (EVERYWHERE - {"kernel_init"} if name == "Sequential" else EVERYWHERE)

    def program(changed):
        keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}

        def loss(params, rest):
            outputs, _ = changed.apply({"params": params, **rest}, inputs, True, rngs=keys, mutable=list(rest))
            return outputs.sum()

        def start_and_gradient():
            variables = changed.init(keys, inputs)
            rest = {kind: leaves for kind, leaves in variables.items() if kind != "params"}
            return jax.grad(loss)(variables["params"], rest)

        return str(jax.make_jaxpr(start_and_gradient)())

    programs = [program(model), *(program(model.clone(**{field: value})) for field, value in changes.items())]
    assert len(set(programs)) == len(programs)
