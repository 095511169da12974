import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.models.layers.rows import keys_by_row
from jaxflow.training.gradients import make_gradient_step
from jaxflow.transforms import augment
from tests.transforms.augment.applying import augment_batch

KEY = jax.random.key(0)
IMAGES = jnp.asarray(np.random.RandomState(0).rand(64, 6, 8, 3), jnp.float32)
BATCH = {"inputs": IMAGES, "targets": jnp.arange(64, dtype=jnp.int32) % 5}
PARTNERS = IMAGES.reshape(-1, 2, *IMAGES.shape[1:])[:, ::-1].reshape(IMAGES.shape)


def test_mixup_adds_inputs_in_the_shares_it_says():
    mixed = augment_batch(jaxflow.Mixup(1.0), KEY, BATCH)
    share = np.asarray(mixed["mix_weight"])
    expected = share[:, None, None, None] * IMAGES + (1 - share)[:, None, None, None] * PARTNERS
    np.testing.assert_allclose(mixed["inputs"], expected, atol=1e-6)
    np.testing.assert_array_equal(mixed["mixed_targets"], BATCH["targets"].reshape(-1, 2)[:, ::-1].reshape(-1))
    np.testing.assert_array_equal(mixed["targets"], BATCH["targets"])
    assert share.mean() == pytest.approx(0.5, abs=0.15)  # of 64 numbers between 0 and 1
    assert len(np.unique(share)) == 64
    extreme = np.asarray(augment_batch(jaxflow.Mixup(0.01), KEY, BATCH)["mix_weight"])
    assert np.minimum(extreme, 1 - extreme).max() < 0.3


def test_cutmix_shares_are_those_of_the_pixels():
    mixed = augment_batch(jaxflow.CutMix(), KEY, BATCH)
    own = np.asarray((mixed["inputs"] == IMAGES).all(-1))
    other = np.asarray((mixed["inputs"] == PARTNERS).all(-1))
    assert np.all(own ^ other)
    np.testing.assert_allclose(mixed["mix_weight"], own.mean((1, 2)), atol=1e-6)
    for part in other:  # a rectangle
        rows, columns = part.any(1), part.any(0)
        assert part.sum() == rows.sum() * columns.sum()
    assert 0.3 < mixed["mix_weight"].mean() < 0.9


@pytest.mark.parametrize("augmentation", [jaxflow.Mixup(0.4), jaxflow.CutMix()], ids=["mixup", "cutmix"])
def test_the_loss_is_that_of_soft_labels(augmentation):
    """Cross-entropy is linear in the target: both targets in their shares are one soft label."""
    model, tx = jaxflow.MLP(hidden=(8,), outputs=5), optax.sgd(1.0)
    state = jaxflow.init_state(model, tx, jax.random.key(1), IMAGES[:1])
    mixed = augment_batch(augmentation, KEY, BATCH)
    augmented = lambda keys, batch: augment_batch(augmentation, KEY, batch)  # noqa: E731
    sums = make_gradient_step(model, jaxflow.Classification(), augment=augmented)(state, BATCH)

    def soft_loss(params):
        logits = model.apply({"params": params}, mixed["inputs"], train=False)
        share = mixed["mix_weight"][:, None]
        soft = share * jax.nn.one_hot(mixed["targets"], 5) + (1 - share) * jax.nn.one_hot(mixed["mixed_targets"], 5)
        return optax.softmax_cross_entropy(logits, soft).sum()

    loss, gradient = jax.value_and_grad(soft_loss)(state.params)
    assert float(sums.metrics["loss"].total) == pytest.approx(float(loss), rel=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), sums.gradient_sum, gradient)


def test_joining_twice_or_joining_masks_is_refused():
    with pytest.raises(jaxflow.UserError, match="mixes examples twice"):
        augment.apply((jaxflow.Mixup(), jaxflow.CutMix()), keys_by_row(KEY, 0, 64), BATCH)
    with pytest.raises(jaxflow.UserError, match="each position has a class"):
        augment_batch(jaxflow.CutMix(), KEY, BATCH | {"targets": jnp.zeros(IMAGES.shape[:-1], jnp.int8)})
    with pytest.raises(jaxflow.UserError, match="Mixup pairs examples, and 3 are computed at once"):
        augment_batch(jaxflow.Mixup(), KEY, jax.tree.map(lambda leaf: leaf[:3], BATCH))
    with pytest.raises(jaxflow.UserError, match=r"Mixup\.alpha is 0"):
        jaxflow.Mixup(0)
