"""Models of tokens: what they may look at, and what they may not."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.models.causal import causal_conv
from jaxflow.training.prepare import prepare_training
from tests.models.decoding import check_decoding

TOKENS = jnp.asarray(np.random.RandomState(0).randint(0, 9, (3, 20)), jnp.int8)


@pytest.mark.parametrize(("window", "dilation"), [(1, 1), (2, 1), (2, 5), (3, 4), (4, 9)])
def test_a_causal_convolution_is_its_sum(window, dilation):
    generator = np.random.RandomState(1)
    inputs, kernel = generator.randn(2, 20, 3), generator.randn(window, 3, 4)
    expected = np.zeros((2, 20, 4))
    for place in range(20):
        for back in range(window):
            if place - back * dilation >= 0:
                expected[:, place] += inputs[:, place - back * dilation] @ kernel[window - 1 - back]
    found = causal_conv(jnp.asarray(inputs, jnp.float32), jnp.asarray(kernel, jnp.float32), dilation)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dilations", "kernel"), [((1, 2, 4), 2), ((1, 3), 3), ((2,), 2), ((), 2)])
def test_an_output_depends_on_its_position_and_those_before_as_far_as_stated(dilations, kernel):
    model = jaxflow.CausalCNN(width=8, dilations=dilations, kernel=kernel, vocab_size=9, outputs=9)
    variables, apply = jax.jit(model.init)(jax.random.key(0), TOKENS), jax.jit(model.apply)
    before = apply(variables, TOKENS)
    assert before.shape == (3, 20, 9)
    for changed in (0, 4, 11):
        other = TOKENS.at[:, changed].set((TOKENS[:, changed] + 1) % 9)
        differs = np.abs(apply(variables, other) - before).max(axis=(0, 2)) > 0
        reached = np.flatnonzero(differs)
        assert reached.min() == changed
        last = changed + model.receptive_field - 1
        assert reached.max() <= last
        if last < 20 and set(dilations) == {2**i for i in range(len(dilations))}:
            assert reached.max() == last
    field = model.receptive_field
    assert field == 1 + (kernel - 1) * sum(dilations)


def test_dropout_is_for_training():
    model = jaxflow.CausalCNN(width=8, dilations=(1, 2), dropout=0.5, vocab_size=9, outputs=9)
    variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
    training, apply = jax.jit(partial(model.apply, train=True)), jax.jit(model.apply)
    one, other = (training(variables, TOKENS, rngs={"dropout": jax.random.key(i)}) for i in (1, 2))
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(apply(variables, TOKENS), apply(variables, TOKENS))


def test_half_precision_computes_and_gives_float32():
    model = jaxflow.CausalCNN(width=8, dilations=(1, 2), dtype="bfloat16", vocab_size=9, outputs=9)
    variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
    float32 = jaxflow.CausalCNN(width=8, dilations=(1, 2), vocab_size=9, outputs=9)
    full, half = jax.jit(float32.apply)(variables, TOKENS), jax.jit(model.apply)(variables, TOKENS)
    assert half.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(half, full, atol=0.1)
    assert not np.array_equal(half, full)


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_padding_changes_nothing_to_a_bag_of_tokens(hidden):
    model = jaxflow.BagOfTokens(width=8, hidden=hidden, vocab_size=9, outputs=4)
    tokens = jnp.maximum(TOKENS, 1)
    variables = jax.jit(model.init)(jax.random.key(0), tokens)
    apply = jax.jit(model.apply)
    expected = apply(variables, tokens)
    padded = jnp.pad(tokens, ((0, 0), (0, 13)))
    np.testing.assert_allclose(apply(variables, padded), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(apply(variables, tokens[:, ::-1]), expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(apply(variables, jnp.zeros((2, 5), jnp.int8))).all()  # nothing but padding


def test_a_bag_of_tokens_is_the_mean_of_their_vectors():
    model = jaxflow.BagOfTokens(width=5, vocab_size=9, outputs=4)
    tokens = jnp.array([[3, 3, 8, 0], [1, 0, 0, 0]], jnp.int16)
    variables = model.init(jax.random.key(0), tokens)
    table, head = variables["params"]["Embedding_0"]["table"], variables["params"]["Dense_0"]
    means = np.stack([(2 * table[3] + table[8]) / 3, table[1]])
    np.testing.assert_allclose(model.apply(variables, tokens), means @ head["kernel"] + head["bias"][None], atol=1e-6)


@pytest.mark.parametrize("model", [jaxflow.CausalCNN(width=4), jaxflow.BagOfTokens(width=4)])
def test_models_of_tokens_refuse_other_inputs(model, experiment):
    images = jaxflow.Digits().load()
    other = dataclasses.replace(experiment, model=model, augment=())
    with pytest.raises(jaxflow.UserError, match=r"takes tokens inputs, and the data has image.*take a model"):
        prepare_training(other, images)


def test_a_model_that_answers_once_is_no_language_model(tmp_path):
    (tmp_path / "a.txt").write_text("to be or not " * 50)
    data = jaxflow.Text(str(tmp_path / "a.txt"), length=16)
    run = jaxflow.Experiment(data, jaxflow.BagOfTokens(), jaxflow.LanguageModelling(), jaxflow.Adam(), batch_size=8)
    with pytest.raises(jaxflow.UserError, match=r"gives outputs of shape .* targets of shape \(16,\); use a model"):
        prepare_training(run, data.load())


@pytest.mark.parametrize(("dilations", "kernel"), [((1, 2, 4), 2), ((1, 3), 3), ((2,), 1), ((), 2)])
def test_decoding_gives_what_the_model_gives_for_all_tokens(dilations, kernel):
    model = jaxflow.CausalCNN(width=8, dilations=dilations, kernel=kernel, vocab_size=9, outputs=9)
    check_decoding(model, cached=bool(dilations))


@pytest.mark.slow
def test_a_tcn_answers_for_its_last_position_as_far_as_it_sees():
    series = jnp.asarray(np.random.RandomState(0).randn(2, 30, 3), jnp.float32)
    model = jaxflow.TCN(width=8, dilations=(1, 2, 4), outputs=2)
    variables, apply = jax.jit(model.init)(jax.random.key(0), series), jax.jit(model.apply)
    assert model.receptive_field == 15
    gradient = jax.grad(lambda x: apply(variables, x).sum())(series)
    np.testing.assert_array_equal(np.abs(gradient).max(axis=(0, 2)) > 0, np.arange(30) >= 15)
    every = dataclasses.replace(model, per_position=True).apply(variables, series)
    np.testing.assert_allclose(every[:, -1], apply(variables, series), atol=1e-6)
    np.testing.assert_allclose(every[:, 19], apply(variables, series[:, :20]), atol=1e-6)
