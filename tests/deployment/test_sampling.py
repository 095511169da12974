"""Tokens that are drawn one after the other, by a model that computes its window again or keeps a cache."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.deployment.sampling import caching_decoder, is_cache_exact, recomputing_decoder, sample_tokens


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
