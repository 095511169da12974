import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from tests.transforms.augment.applying import augment_batch

TOKENS = jnp.asarray(np.random.RandomState(0).randint(1, 90, (40, 100)), jnp.int8)


def test_a_share_of_the_inputs_is_blanked_and_no_target():
    batch = {"inputs": TOKENS, "targets": TOKENS + 1}
    changed = augment_batch(jaxflow.TokenDropout(0.2), jax.random.key(0), batch)
    blank = np.asarray(changed["inputs"] == 0)
    assert abs(blank.mean() - 0.2) < 0.02
    assert blank.mean(1).std() > 0.01  # each example by itself
    np.testing.assert_array_equal(changed["inputs"][~blank], TOKENS[~blank])
    np.testing.assert_array_equal(changed["targets"], batch["targets"])
    assert changed["inputs"].dtype == TOKENS.dtype
    other = augment_batch(jaxflow.TokenDropout(0.2), jax.random.key(1), batch)["inputs"]
    assert not np.array_equal(other, changed["inputs"])


def test_a_blank_token_is_none_to_a_bag_of_tokens():
    model = jaxflow.BagOfTokens(width=4, vocab_size=90, outputs=3)
    variables = model.init(jax.random.key(0), TOKENS)
    changed = augment_batch(jaxflow.TokenDropout(0.5), jax.random.key(0), {"inputs": TOKENS[:1]})["inputs"]
    left = changed[changed != 0][None]
    np.testing.assert_allclose(model.apply(variables, changed), model.apply(variables, left), rtol=1e-4, atol=1e-6)


def test_only_tokens_are_blanked():
    with pytest.raises(jaxflow.UserError, match="TokenDropout blanks tokens, and these inputs are float32; leave it"):
        jaxflow.TokenDropout()(jax.random.key(0), {"inputs": jnp.zeros((2, 3))})


def changed_texts(augmentation, tokens, seed=0):
    """Changes (batch, time) tokens, each text by a key of its own."""
    keys, targets = jax.random.split(jax.random.key(seed), len(tokens)), jnp.zeros(len(tokens), jnp.int32)
    return np.asarray(jax.jit(jax.vmap(augmentation))(keys, {"inputs": tokens, "targets": targets})["inputs"])


PADDED = jnp.where(jnp.arange(100)[None] < 70, TOKENS, 0)


def test_some_tokens_change_places_and_padding_stays():
    changed = changed_texts(jaxflow.TokenSwap(0.2), PADDED)
    np.testing.assert_array_equal(np.sort(changed), np.sort(PADDED))
    np.testing.assert_array_equal(changed[:, 70:], 0)
    moved = (changed != PADDED)[:, :70].mean()
    assert 0.15 < moved < 0.2  # some draw their own place, or an equal token
    np.testing.assert_array_equal(changed_texts(jaxflow.TokenSwap(0.0), PADDED), PADDED)
    assert changed.dtype == PADDED.dtype
    every = changed_texts(jaxflow.TokenSwap(1.0), PADDED)
    assert (every == PADDED)[:, :70].mean() < 0.05


def test_a_crop_is_a_stretch_of_the_text_at_its_beginning():
    changed = changed_texts(jaxflow.TokenCrop(0.5), PADDED)
    sizes, starts = (changed != 0).sum(1), set()
    for text, crop, size in zip(np.asarray(PADDED), changed, sizes):
        found = [start for start in range(71 - size) if np.array_equal(text[start : start + size], crop[:size])]
        assert found
        starts.add(found[0])
        np.testing.assert_array_equal(crop[size:], 0)
    assert 35 <= sizes.min() < 45 < 60 < sizes.max() <= 70
    assert len(starts) > 10
    np.testing.assert_array_equal(changed_texts(jaxflow.TokenCrop(1.0), PADDED), PADDED)
    empty = jnp.zeros_like(PADDED)
    np.testing.assert_array_equal(changed_texts(jaxflow.TokenCrop(0.5), empty), empty)
    one = empty.at[:, 0].set(3)
    np.testing.assert_array_equal(changed_texts(jaxflow.TokenCrop(0.0), one), one)


@pytest.mark.parametrize("augmentation", [jaxflow.TokenSwap(), jaxflow.TokenCrop()])
def test_tokens_with_a_target_each_stay_in_their_places(augmentation):
    name = type(augmentation).__name__
    with pytest.raises(jaxflow.UserError, match=f"{name} moves tokens, and here each position has a target"):
        augmentation(jax.random.key(0), {"inputs": TOKENS[0], "targets": TOKENS[0]})
    with pytest.raises(jaxflow.UserError, match=f"{name} (moves|crops) tokens, and these inputs are float32"):
        augmentation(jax.random.key(0), {"inputs": jnp.zeros(3), "targets": jnp.int32(0)})
