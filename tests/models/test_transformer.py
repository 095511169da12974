"""Transformers: attention against NumPy, padding, causality, counts of parameters, and texts continued from a cache."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.layers.attention import Attention, rotate
from jaxflow.models.vit import patches
from jaxflow.training.prepare import prepare_training
from tests.models.decoding import TOKENS, check_decoding

DECODER = jaxflow.TransformerDecoder(2, 2, 8, context=20, vocab_size=9, outputs=9)
X = np.random.RandomState(0).randn(2, 6, 8).astype(np.float32)


def size(model, inputs):
    shapes = jax.eval_shape(model.init, jax.random.key(0), inputs)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def turned(x, positions):
    """Rotary positions as complex numbers: element i and element i + half are a plane's two coordinates."""
    half = x.shape[-1] // 2
    plane = x[..., :half] + 1j * x[..., half:]
    plane = plane * np.exp(1j * positions[:, None, None] * 10_000.0 ** (-np.arange(half) / half))
    return np.concatenate([plane.real, plane.imag], axis=-1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("rotary", [False, True])
def test_attention_is_its_equation(causal, rotary):
    layer = Attention(2, causal, rotary)
    variables = layer.init(jax.random.key(0), X)
    inner, outer = (variables["params"][f"Dense_{number}"]["kernel"] for number in (0, 1))
    queries, keys, values = np.moveaxis(np.asarray(X @ inner).reshape(2, 6, 3, 2, 4), 2, 0)
    if rotary:
        queries, keys = turned(queries, np.arange(6)), turned(keys, np.arange(6))
    present = np.array([[True] * 6, [True] * 4 + [False] * 2])
    scores = np.einsum("bqhd,bkhd->bhqk", queries, keys) / np.sqrt(4)
    mask = present[:, None, None, :] & (np.tril(np.ones((6, 6), bool)) | (not causal))[None, None]
    weights = np.exp(np.where(mask, scores, -np.inf))
    weights /= weights.sum(-1, keepdims=True)
    expected = np.einsum("bhqk,bkhd->bqhd", weights, values).reshape(2, 6, 8) @ outer
    np.testing.assert_allclose(layer.apply(variables, X, jnp.asarray(present)), expected, atol=1e-5)


def test_products_of_rotated_vectors_depend_on_distances_alone():
    query, key = jax.random.normal(jax.random.key(0), (2, 1, 1, 1, 8))

    def product(one, other):
        return float((rotate(query, jnp.array([[one]])) * rotate(key, jnp.array([[other]]))).sum())

    assert product(5, 2) == pytest.approx(product(13, 10), rel=1e-4)
    assert product(5, 2) != pytest.approx(product(5, 3), rel=1e-2)


@pytest.mark.parametrize("tied", [False, True])
def test_decoding_gives_what_the_model_gives_for_all_tokens_and_nan_beyond_the_context(tied):
    model = dataclasses.replace(DECODER, tied=tied)
    variables, cache = check_decoding(model)
    decode = jax.jit(partial(model.apply, method="decode", mutable=["cache"]))
    outputs, _ = decode(variables | cache, TOKENS[:, :1], np.ones(3, np.int32))  # 10, 14 and 21 tokens
    np.testing.assert_array_equal(np.isnan(outputs).any(axis=1), [False, False, True])


def test_later_tokens_change_no_earlier_output():
    variables, apply = jax.jit(DECODER.init)(jax.random.key(0), TOKENS), jax.jit(DECODER.apply)
    other = apply(variables, TOKENS.at[:, 7].set((TOKENS[:, 7] + 1) % 9))
    differs = np.abs(other - apply(variables, TOKENS)).max(axis=(0, 2)) > 0
    np.testing.assert_array_equal(differs, np.arange(20) >= 7)


@pytest.mark.parametrize("pool", ["mean", "class"])
@pytest.mark.parametrize("per_position", [False, True])
def test_padded_texts_are_unpadded_texts(pool, per_position):
    model = jaxflow.TransformerEncoder(2, 2, 8, pool=pool, per_position=per_position, vocab_size=9, outputs=3)
    tokens = jnp.maximum(TOKENS, 1)
    variables, apply = jax.jit(model.init)(jax.random.key(0), tokens), jax.jit(model.apply)
    assert ("class_token" in variables["params"]) == (pool == "class" and not per_position)
    padded = apply(variables, jnp.pad(tokens, ((0, 0), (0, 7))))
    np.testing.assert_allclose(padded[:, :20] if per_position else padded, apply(variables, tokens), atol=1e-5)
    assert np.isfinite(apply(variables, jnp.zeros_like(tokens))).all()  # nothing but padding


def test_counts_of_parameters_are_the_published_ones():
    tokens = jnp.zeros((1, 4), jnp.int32)
    gpt2 = jaxflow.TransformerDecoder(12, 12, 768, vocab_size=50_257, outputs=50_257)
    assert size(gpt2, tokens) == 124_439_808 - 1024 * 768  # its learned positions
    small = jaxflow.TransformerDecoder(vocab_size=65, outputs=65)
    assert size(small, tokens) == 65 * 128 + 4 * (12 * 128**2 + 13 * 128) + 2 * 128
    images = jnp.zeros((1, 224, 224, 3))
    assert size(jaxflow.ViT(outputs=1000), images) == 22_050_664
    assert size(jaxflow.ViT(heads=12, width=768, outputs=1000), images) == 86_567_656
    assert size(jaxflow.ViT(heads=3, width=192, outputs=1000), images) == 5_717_416


def test_patches_are_squares_row_by_row():
    images = np.random.RandomState(0).rand(2, 6, 4, 3)
    squares = patches(jnp.asarray(images, jnp.float32), 2)
    assert squares.shape == (2, 6, 12)
    np.testing.assert_allclose(squares[1, 3], images[1, 2:4, 2:4].ravel(), rtol=1e-6)
    with pytest.raises(jaxflow.UserError, match=r"patches of 4 pixels do not fill inputs of shape \(6, 4, 3\)"):
        patches(jnp.asarray(images), 4)


@pytest.mark.slow
def test_computing_blocks_again_changes_no_gradient():
    def gradients(remat):
        model = dataclasses.replace(DECODER, remat=remat, dropout=0.3, stochastic_depth=0.5)
        variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
        loss = lambda variables: jnp.sin(  # noqa: E731
            model.apply(variables, TOKENS, train=True, rngs={"dropout": jax.random.key(1)})
        ).sum()
        return jax.jit(jax.grad(loss))(variables)

    for one, other in zip(jax.tree.leaves(gradients(False)), jax.tree.leaves(gradients(True)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_stochastic_depth_leaves_branches_out_by_row():
    model = jaxflow.TransformerDecoder(2, 2, 8, stochastic_depth=0.5, context=20, vocab_size=9, outputs=9)
    tokens = jnp.repeat(TOKENS[:1], 64, axis=0)
    variables = jax.jit(model.init)(jax.random.key(0), tokens)
    apply = jax.jit(partial(model.apply, train=True))
    outputs = np.asarray(apply(variables, tokens, rngs={"dropout": jax.random.key(1)}))
    # The second block alone has two branches, each of which is there or not.
    assert len(np.unique(outputs.round(4), axis=0)) == 4
    plain = dataclasses.replace(model, stochastic_depth=0.0).apply(variables, tokens)
    np.testing.assert_allclose(jax.jit(model.apply)(variables, tokens), plain, atol=1e-6)


def test_half_precision_computes_and_gives_float32():
    for model in (DECODER, jaxflow.TransformerEncoder(2, 2, 8, vocab_size=9, outputs=9)):
        variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
        half = jax.jit(dataclasses.replace(model, dtype="bfloat16").apply)(variables, TOKENS)
        assert half.dtype == jnp.float32
        np.testing.assert_allclose(half, jax.jit(model.apply)(variables, TOKENS), atol=0.1)


@pytest.fixture
def play(tmp_path):
    (tmp_path / "a.txt").write_text("to be or not " * 50)
    data = jaxflow.Text(str(tmp_path / "a.txt"), length=16)
    return jaxflow.Experiment(data, DECODER, jaxflow.LanguageModelling(), jaxflow.Adam(), batch_size=8)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (jaxflow.TransformerDecoder(context=8), r"model\.context is 8, and texts have 16 tokens; leave context=None"),
        (jaxflow.TransformerDecoder(vocab_size=3), r"model\.vocab_size is 3, and the data has 9 different tokens"),
        (jaxflow.TransformerDecoder(vocab_size=99), r"tied weights give an output for each of 99 tokens, and 9 are"),
        (jaxflow.TransformerDecoder(heads=3), r"a width of 128 has no even part for each of 3 heads"),
        (jaxflow.TransformerEncoder(), r"TransformerEncoder sees the tokens that LanguageModelling predicts"),
        (jaxflow.LSTM(bidirectional=True), r"would learn to copy them; take --model\.bidirectional=False"),
        (jaxflow.ViT(), r"model ViT takes image inputs, and the data has tokens inputs of shape \(16,\)"),
        (jaxflow.TCN(), r"model TCN takes series or audio inputs, and the data has tokens inputs"),
    ],
)
def test_models_that_do_not_fit_a_text_are_refused(model, message, play):
    with pytest.raises(jaxflow.UserError, match=message):
        prepare_training(dataclasses.replace(play, model=model), play.data.load())


def test_a_vocabulary_larger_than_memory_is_one_line(play):
    model = jaxflow.LSTM(width=2**14, vocab_size=2**30)
    with pytest.raises(jaxflow.UserError, match="GB"):
        prepare_training(dataclasses.replace(play, model=model), play.data.load())


@pytest.mark.parametrize("model", [jaxflow.LSTM(), jaxflow.TransformerEncoder(), jaxflow.TCN()])
def test_images_are_no_sequences(model, experiment):
    with pytest.raises(jaxflow.UserError, match=r"and the data has image inputs of shape .* for example CNN or ViT"):
        prepare_training(dataclasses.replace(experiment, model=model, augment=()), jaxflow.Digits().load())


def test_sizes_are_taken_from_data_and_problem(play):
    program = prepare_training(dataclasses.replace(play, model=jaxflow.TransformerDecoder()), play.data.load()).program
    assert (program.model.context, program.model.vocab_size, program.model.outputs) == (16, 9, 9)
    recurrent = prepare_training(dataclasses.replace(play, model=jaxflow.LSTM()), play.data.load()).program
    assert recurrent.model.per_position is True
