"""Tokens that are drawn one after the other, by a model that computes its window again or keeps a cache."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.deployment.sampling import (
    caching_decoder,
    is_cache_exact,
    keep_top_k,
    keep_top_p,
    recomputing_decoder,
    sample_tokens,
    sliding_decoder,
)


def successor(window):
    """Logits of a model that is sure that one more than a token comes next, modulo 7."""
    return 50.0 * jax.nn.one_hot((window + 1) % 7, 7)


def test_a_sure_model_is_followed_past_its_window():
    window, lengths = jnp.array([[3, 0, 0, 0], [0, 1, 2, 3]], jnp.int32), jnp.array([1, 4], jnp.int32)
    decoder = recomputing_decoder(successor)
    for temperature in (0.0, 1.0):
        tokens = sample_tokens(decoder, window, lengths, count=9, key=jax.random.key(0), temperature=temperature)
        np.testing.assert_array_equal(tokens, (np.array([[4], [4]]) + np.arange(9)) % 7)


def test_tokens_are_drawn_as_the_logits_say():
    logits = np.log([0.5, 0.3, 0.2]).astype(np.float32)

    def fractions(temperature, seed=0):
        def same(window):
            return jnp.broadcast_to(jnp.asarray(logits), (*window.shape, 3))

        start = recomputing_decoder(same), jnp.zeros((50, 4), jnp.int32), jnp.ones(50, jnp.int32)
        tokens = sample_tokens(*start, count=80, key=jax.random.key(seed), temperature=temperature)
        return np.bincount(np.asarray(tokens).ravel(), minlength=3) / tokens.size

    np.testing.assert_allclose(fractions(1.0), [0.5, 0.3, 0.2], atol=0.03)
    sharper = np.exp(logits / 0.5) / np.exp(logits / 0.5).sum()
    np.testing.assert_allclose(fractions(0.5), sharper, atol=0.03)
    np.testing.assert_array_equal(fractions(0.0), [1, 0, 0])
    assert not np.array_equal(fractions(1.0, 1), fractions(1.0))


@pytest.mark.parametrize(("window", "dilations", "same"), [(8, (1, 2, 4), True), (6, (1, 2, 4), False)])
def test_a_cache_gives_the_tokens_of_the_window_as_far_as_an_output_sees_no_further(window, dilations, same):
    model = jaxflow.CausalCNN(width=16, dilations=dilations, vocab_size=11, outputs=11)
    generator = np.random.RandomState(0)
    begun = generator.randint(0, 11, (4, window)).astype(np.int32)
    variables = jax.jit(model.init)(jax.random.key(0), begun)
    variables = jax.tree.map(lambda leaf: 3 * leaf, variables)  # far from equal logits
    lengths, count = np.array([1, 2, window - 1, window], np.int32), 40
    decoders = recomputing_decoder(partial(model.apply, variables)), caching_decoder(model, variables)
    for temperature in (0.0, 0.8):
        again, cached = (
            sample_tokens(decoder, begun, lengths, count=count, key=jax.random.key(1), temperature=temperature)
            for decoder in decoders
        )
        assert np.array_equal(again, cached) == same
        inside = window - lengths.max() + 1  # as long as the window has not moved, it is the same in any case
        np.testing.assert_array_equal(again[:, :inside], cached[:, :inside])
    assert is_cache_exact(model, window, window + count - 1) == same
    assert is_cache_exact(model, window, window)
    assert not is_cache_exact(jaxflow.BagOfTokens(), window, window)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        jaxflow.TransformerDecoder(2, 2, 16, context=8, vocab_size=11, outputs=11),
        jaxflow.LSTM(16, 2, per_position=True, vocab_size=11, outputs=11),
        jaxflow.CausalCNN(width=16, dilations=(1, 2, 4, 8), vocab_size=11, outputs=11),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_text_that_outgrows_its_window_is_that_of_the_last_tokens(model):
    """From a cache while the window is not full, and computed again from then on: the tokens are the same."""
    window, count = 8, 30
    begun = np.random.RandomState(0).randint(0, 11, (4, window)).astype(np.int32)
    variables = jax.jit(model.init)(jax.random.key(0), begun)
    variables = jax.tree.map(lambda leaf: 3 * leaf, variables)  # far from equal logits
    recomputing, caching = recomputing_decoder(partial(model.apply, variables)), caching_decoder(model, variables)
    assert not is_cache_exact(model, window, window + 1)
    for lengths in ([1, 2, 3, 4], [1, 2, window - 1, window]):
        again, slid, cached = (
            sample_tokens(decoder, begun, np.array(lengths, np.int32), count=count, key=jax.random.key(1),
                          temperature=0.8)
            for decoder in (recomputing, sliding_decoder(caching, recomputing), caching)
        )  # fmt: skip
        np.testing.assert_array_equal(slid, again)
        inside = window - max(lengths) + 1
        np.testing.assert_array_equal(cached[:, :inside], again[:, :inside])
        assert not np.array_equal(cached, again)  # a cache remembers what the window forgets, or has no room


LOGITS = jnp.log(jnp.array([[0.1, 0.4, 0.2, 0.3], [0.25, 0.25, 0.4, 0.1]]))


def test_the_likeliest_tokens_are_kept():
    def kept(logits):
        np.testing.assert_array_equal(logits[jnp.isfinite(logits)], LOGITS[jnp.isfinite(logits)])
        return jnp.isfinite(logits).astype(int).tolist()

    assert kept(keep_top_k(LOGITS, 1)) == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert kept(keep_top_k(LOGITS, 2)) == [[0, 1, 0, 1], [1, 1, 1, 0]]  # two are equal
    assert kept(keep_top_k(LOGITS, 9)) == [[1] * 4] * 2
    assert kept(keep_top_p(LOGITS, 0.01)) == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert kept(keep_top_p(LOGITS, 0.6)) == [[0, 1, 0, 1], [1, 1, 1, 0]]
    assert kept(keep_top_p(LOGITS, 0.85)) == [[0, 1, 1, 1], [1, 1, 1, 0]]
    assert kept(keep_top_p(LOGITS, 1.0)) == [[1] * 4] * 2


def test_tokens_are_drawn_from_the_likeliest_as_their_logits_say():
    def same(window):
        return jnp.broadcast_to(LOGITS[0], (*window.shape, 4))

    def fractions(**settings):
        start = recomputing_decoder(same), jnp.zeros((50, 4), jnp.int32), jnp.ones(50, jnp.int32)
        tokens = sample_tokens(*start, count=80, key=jax.random.key(0), temperature=1.0, **settings)
        return np.bincount(np.asarray(tokens).ravel(), minlength=4) / tokens.size

    np.testing.assert_allclose(fractions(top_k=2), [0, 4 / 7, 0, 3 / 7], atol=0.03)
    np.testing.assert_allclose(fractions(top_p=0.75), [0, 4 / 9, 2 / 9, 3 / 9], atol=0.03)
    np.testing.assert_allclose(fractions(top_k=3, top_p=0.5), [0, 4 / 7, 0, 3 / 7], atol=0.03)
    np.testing.assert_array_equal(fractions(top_k=1), [0, 1, 0, 0])
