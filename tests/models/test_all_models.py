"""What every model of jaxflow shares: names of parameters, collections that `init` makes, and named features."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow

VECTORS, COLUMNS = np.ones((2, 5), np.float32), np.ones((2, 5), np.float32)
IMAGES = np.random.RandomState(0).rand(2, 7, 5, 3).astype(np.float32)
TOKENS = np.random.RandomState(0).randint(1, 9, (2, 6)).astype(np.int32)

MODELS = {
    "MLP": (jaxflow.MLP(hidden=(4,), outputs=2), VECTORS),
    "MLP of categories": (jaxflow.MLP(hidden=(4,), cardinalities=(3, 120), outputs=2), COLUMNS),
    "CNN": (jaxflow.CNN(widths=(4, 5), pools=1, hidden=(3,), norm="batch", padding="SAME", outputs=2), IMAGES),
    "ResNet": (jaxflow.ResNet(widths=(4, 8), blocks=(1, 1), outputs=2), IMAGES),
    "AirbenchCNN": (jaxflow.AirbenchCNN(widths=(4,), outputs=2), IMAGES),
    "LinkNet": (jaxflow.LinkNet(widths=(2, 4), convolutions=1, outputs=2), IMAGES),
    "CausalCNN": (jaxflow.CausalCNN(width=4, dilations=(1, 2), vocab_size=9, outputs=9), TOKENS),
    "BagOfTokens": (jaxflow.BagOfTokens(width=4, hidden=(3,), vocab_size=9, outputs=2), TOKENS),
}

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
    "BagOfTokens": {
        "params/Dense_0/bias": (3,),
        "params/Dense_0/kernel": (4, 3),
        "params/Dense_1/bias": (2,),
        "params/Dense_1/kernel": (3, 2),
        "params/Embedding_0/table": (9, 4),
    },
}


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
    features = jax.jit(jaxflow.make_feature_step(model))(variables, inputs)
    assert features.shape[0] == 2
    assert features.dtype == jnp.float32
    params = variables["params"]
    head = (
        params["head"] if name == "AirbenchCNN" else params[max(k for k in params if k.startswith(("Dense", "Conv_")))]
    )
    outputs = jax.jit(model.apply)(variables, inputs).reshape(2, -1, 9 if name == "CausalCNN" else 2).mean(axis=1)
    if name == "AirbenchCNN":
        expected = features @ head / len(head)
    else:
        expected = features @ head["kernel"].reshape(features.shape[1], -1) + head["bias"][None]
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
