import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
from sklearn.metrics import hinge_loss

import jaxflow
from jaxflow.problems.losses.classes import CrossEntropy

GENERATOR = np.random.RandomState(0)
LOGITS, LABELS = GENERATOR.randn(12, 4).astype(np.float32) * 3, GENERATOR.randint(0, 4, 12)
YES = (GENERATOR.rand(12, 4) < 0.3).astype(np.int32)


def test_binary_cross_entropy_is_optaxs():
    plain = jaxflow.losses.BinaryCrossEntropy()(LOGITS, YES)
    np.testing.assert_allclose(plain, optax.sigmoid_binary_cross_entropy(LOGITS, YES), rtol=1e-5, atol=1e-7)
    smoothed = jaxflow.losses.BinaryCrossEntropy(0.2)(LOGITS, YES)
    expected = optax.sigmoid_binary_cross_entropy(LOGITS, YES * 0.8 + 0.1)
    np.testing.assert_allclose(smoothed, expected, rtol=1e-5, atol=1e-7)


def test_balanced_positives_count_as_much_as_negatives():
    loss = jaxflow.losses.BinaryCrossEntropy(positive_weight="balanced").fit(YES)
    losses = np.asarray(loss(np.zeros((12, 4), np.float32), YES))
    np.testing.assert_allclose((losses * YES).sum(0), (losses * (1 - YES)).sum(0), rtol=1e-5)
    single = jaxflow.losses.BinaryCrossEntropy(positive_weight="balanced").fit(np.array([1, 0, 0, 0, -1]))
    assert single.positive_weight == (3.0,)
    assert loss.fit(YES[:4]) == loss


def test_focal_losses_are_optaxs_and_without_gamma_cross_entropy():
    np.testing.assert_allclose(
        jaxflow.losses.BinaryFocal(1.5)(LOGITS, YES),
        optax.sigmoid_focal_loss(LOGITS, YES.astype(np.float32), gamma=1.5),
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_allclose(jaxflow.losses.Focal(0.0)(LOGITS, LABELS), CrossEntropy()(LOGITS, LABELS), rtol=1e-5)
    true = scipy.special.softmax(LOGITS.astype(np.float64), -1)[np.arange(12), LABELS]
    expected = -((1 - true) ** 2) * np.log(true)
    np.testing.assert_allclose(jaxflow.losses.Focal()(LOGITS, LABELS), expected, rtol=1e-3, atol=1e-6)


def test_hinges_are_scikit_learns():
    mean = float(jaxflow.losses.Hinge()(LOGITS, LABELS).mean())
    assert mean == pytest.approx(hinge_loss(LABELS, LOGITS, labels=range(4)), rel=1e-5)
    mean = float(jaxflow.losses.BinaryHinge()(LOGITS[:, 0], YES[:, 0]).mean())
    assert mean == pytest.approx(hinge_loss(YES[:, 0], LOGITS[:, 0]), rel=1e-5)


def test_dice_is_the_closed_form_over_known_pixels():
    logits, mask = GENERATOR.randn(2, 3, 4, 3).astype(np.float32), GENERATOR.randint(-1, 2, (2, 3, 4))
    p, expected = scipy.special.softmax(logits, -1), []
    for one, labels in zip(p, mask):
        known = labels >= 0
        dice = [
            2 * one[labels == k, k].sum() / (one[known, k].sum() + (labels == k).sum())
            for k in np.unique(labels[known])
        ]
        expected.append(1 - np.mean(dice))
    losses = jaxflow.losses.Dice()(logits, mask)
    assert losses.shape == mask.shape
    np.testing.assert_allclose(losses, np.broadcast_to(np.array(expected)[:, None, None], mask.shape), rtol=1e-5)
    np.testing.assert_allclose(jaxflow.losses.Tversky(0.5, 0.5)(logits, mask), losses, rtol=1e-6)
    both = jaxflow.losses.Sum((jaxflow.losses.Dice(), CrossEntropy()), weights=(1.0, 2.0))
    added = np.where(mask >= 0, both(logits, mask) - losses, 0)
    np.testing.assert_allclose(added, np.where(mask >= 0, 2 * CrossEntropy()(logits, mask), 0), rtol=1e-4, atol=1e-5)
    other = np.where((mask < 0)[..., None], 7.0, logits)
    np.testing.assert_allclose(jaxflow.losses.Dice()(other, mask), losses, rtol=1e-6)


@pytest.mark.parametrize("size", [-1e4, 0.0, 1e4])
def test_losses_and_gradients_of_large_logits_are_finite(size):
    logits = jnp.zeros((3, 4)).at[:, 1].set(size)
    labels, masks = jnp.array([0, 1, -1]), jnp.array([[0, 1, -1]])
    cases = [
        (loss, logits[:, 1], labels)
        for loss in (
            jaxflow.losses.BinaryCrossEntropy(0.1),
            jaxflow.losses.BinaryFocal(0.5),
            jaxflow.losses.BinaryHinge(),
        )
    ]
    cases += [(loss, logits, labels) for loss in (jaxflow.losses.Focal(0.5), jaxflow.losses.Hinge())]
    cases += [(loss, logits[None], masks) for loss in (jaxflow.losses.Dice(), jaxflow.losses.Tversky())]
    for loss, outputs, targets in cases:
        value, gradient = jax.value_and_grad(lambda x, loss=loss, targets=targets: loss(x, targets).sum())(outputs)
        assert np.isfinite(value), loss
        assert np.isfinite(gradient).all(), loss
