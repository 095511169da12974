import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.evaluation.explanations.attention import attention_maps
from jaxflow.models.layers.attention import attention_weights

TOKENS = jnp.array([[3, 1, 4, 1, 5, 0, 0], [2, 6, 5, 3, 5, 8, 7]])
IMAGES = np.random.RandomState(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
ENCODER = jaxflow.TransformerEncoder(layers=2, heads=2, width=8, vocab_size=9, outputs=3, per_position=False)
DECODER = jaxflow.TransformerDecoder(layers=2, heads=2, width=8, vocab_size=9, outputs=9)
VIT = jaxflow.ViT(patch=4, layers=2, heads=2, width=8, outputs=3)


def ready(model, inputs):
    return model, model.init(jax.random.key(0), inputs, train=False), inputs


@pytest.mark.parametrize(
    ("model", "inputs", "positions"),
    [
        (ENCODER, TOKENS, 7),
        (DECODER, TOKENS, 7),
        (VIT, IMAGES, 5),
        (ENCODER.clone(remat=True), TOKENS, 7),
        (ENCODER.clone(pool="class"), TOKENS, 8),
    ],
)
def test_the_weights_of_each_query_add_up_to_one(model, inputs, positions):
    maps = attention_maps(*ready(model, inputs))
    assert [name.split("/")[0] for name in maps] == ["TransformerBlock_0", "TransformerBlock_1"]
    for weights in maps.values():
        assert weights.shape == (2, 2, positions, positions)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_a_decoder_does_not_look_ahead_and_nothing_looks_at_padding():
    for weights in attention_maps(*ready(DECODER, TOKENS)).values():
        assert (np.triu(weights, 1) == 0).all()
    for weights in attention_maps(*ready(ENCODER, TOKENS)).values():
        assert (weights[0, :, :, 5:] == 0).all()
        assert (weights[1] > 0).all()


def test_the_values_they_add_up_are_what_the_model_computes():
    random = np.random.RandomState(0)
    queries, keys, values = (jnp.asarray(random.normal(size=(2, 5, 3, 4)), jnp.float32) for _ in range(3))
    mask = jnp.asarray(random.rand(2, 1, 1, 5) > 0.3).at[..., 0].set(True)
    for causal in (False, True):
        weights = np.asarray(attention_weights(queries, keys, mask, causal))
        expected = jax.nn.dot_product_attention(queries, keys, values, mask=mask, is_causal=causal)
        np.testing.assert_allclose(np.einsum("bhqk,bkhd->bqhd", weights, values), expected, atol=1e-5)


def test_they_are_a_plain_softmax_of_the_first_layer_s_products():
    """By NumPy alone: ViT's first block, which has no rotation."""
    model, variables, images = ready(VIT, IMAGES)
    params = jax.tree.map(np.asarray, variables["params"])
    squares = images.reshape(2, 2, 4, 2, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 4, -1)
    x = squares @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    x = np.concatenate([np.broadcast_to(params["class_token"], (2, 1, 8)), x], 1) + params["positions"]
    block = params["TransformerBlock_0"]
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    x = x * block["LayerNorm_0"]["scale"] + block["LayerNorm_0"]["bias"]
    dense = block["Attention_0"]["Dense_0"]
    queries, keys, _ = np.moveaxis((x @ dense["kernel"] + dense["bias"]).reshape(2, 5, 3, 2, 4), 2, 0)
    products = np.exp(np.einsum("bqhd,bkhd->bhqk", queries, keys) / np.sqrt(4))
    weights = attention_maps(model, variables, images)["TransformerBlock_0/Attention_0"]
    np.testing.assert_allclose(weights, products / products.sum(-1, keepdims=True), rtol=2e-4, atol=1e-6)


def test_they_cost_nothing_unless_they_are_asked_for():
    """Training, evaluation and the state are those of a model that knows of no weights."""
    model, variables, tokens = ready(DECODER, TOKENS)
    assert set(variables) == {"params"}
    program = str(jax.make_jaxpr(lambda v, t: model.apply(v, t, train=False))(variables, tokens))
    asked = str(jax.make_jaxpr(lambda v, t: attention_maps(model, v, t))(variables, tokens))
    assert program.count(" exp") < asked.count(" exp")


def test_a_model_without_attention_has_none():
    assert attention_maps(*ready(jaxflow.MLP(hidden=(3,), outputs=2), np.ones((2, 3), np.float32))) == {}
