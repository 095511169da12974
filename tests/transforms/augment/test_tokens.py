import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow

TOKENS = jnp.asarray(np.random.RandomState(0).randint(1, 90, (40, 100)), jnp.int8)


def test_a_share_of_the_inputs_is_blanked_and_no_target():
    batch = {"inputs": TOKENS, "targets": TOKENS + 1}
    changed = jax.jit(jaxflow.TokenDropout(0.2).__call__)(jax.random.key(0), batch)
    blank = np.asarray(changed["inputs"] == 0)
    assert abs(blank.mean() - 0.2) < 0.02
    assert blank.mean(1).std() > 0.01  # each example by itself
    np.testing.assert_array_equal(changed["inputs"][~blank], TOKENS[~blank])
    np.testing.assert_array_equal(changed["targets"], batch["targets"])
    assert changed["inputs"].dtype == TOKENS.dtype
    other = jaxflow.TokenDropout(0.2)(jax.random.key(1), batch)["inputs"]
    assert not np.array_equal(other, changed["inputs"])


def test_a_blank_token_is_none_to_a_bag_of_tokens():
    model = jaxflow.BagOfTokens(width=4, vocab_size=90, outputs=3)
    variables = model.init(jax.random.key(0), TOKENS)
    changed = jaxflow.TokenDropout(0.5)(jax.random.key(0), {"inputs": TOKENS[:1]})["inputs"]
    left = changed[changed != 0][None]
    np.testing.assert_allclose(model.apply(variables, changed), model.apply(variables, left), rtol=1e-4, atol=1e-6)


def test_only_tokens_are_blanked():
    with pytest.raises(jaxflow.UserError, match="TokenDropout blanks tokens, and these inputs are float32; leave it"):
        jaxflow.TokenDropout()(jax.random.key(0), {"inputs": jnp.zeros((2, 3))})
