"""What holds of every model that continues texts from a cache."""

from functools import partial

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

TOKENS = jnp.asarray(np.random.RandomState(0).randint(0, 9, (3, 20)), jnp.int8)


def check_decoding(model, cached=True):
    """Checks that a model decodes, token for token, what it gives for all tokens at once: prompts of 1, 5 and 12."""
    variables = jax.jit(model.init)(jax.random.key(0), TOKENS)
    assert variables.keys() == {"params"}  # no cache: it would become a part of the train state
    expected, rows = jax.jit(model.apply)(variables, TOKENS), np.arange(3)
    lengths = np.array([1, 5, 12])  # of prompts, padded to 12
    decode = jax.jit(partial(model.apply, method="decode", mutable=["cache"]))
    outputs, cache = decode(variables, TOKENS[:, :12], lengths)
    for steps in range(9):
        at = lengths + steps - 1
        np.testing.assert_allclose(outputs, expected[rows, at], atol=1e-5)
        if steps < 8:
            outputs, cache = decode(variables | cache, TOKENS[rows, at + 1][:, None], np.ones(3, np.int32))
    if cached:
        with pytest.raises(flax.errors.ScopeCollectionNotFound, match="cache"):  # nothing makes one by accident
            model.apply(variables, TOKENS, lengths, method="decode")
    return variables, cache
