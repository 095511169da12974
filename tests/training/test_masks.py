"""Masks: they move with their images, and void places count nowhere."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxflow
from jaxflow.schema import IGNORE
from jaxflow.training.gradients import loss_weights, make_gradient_step
from tests.transforms.augment.applying import augment_batch

KEY = jax.random.key(3)


@pytest.mark.parametrize("places", [(8, 6), (4, 8, 6)], ids=["images", "volumes"])
@pytest.mark.parametrize(
    "augmentation",
    [jaxflow.Flip(), jaxflow.Flip(axes=(0, 1)), jaxflow.Crop(2), jaxflow.Crop(2, "zero")],
    ids=["flip", "flip both", "crop", "crop zero"],
)
def test_masks_move_with_their_inputs(augmentation, places):
    masks = np.random.RandomState(0).randint(1, 5, (16, *places)).astype(np.int8)
    batch = {"inputs": jnp.asarray(masks, jnp.float32)[..., None], "targets": jnp.asarray(masks)}
    moved = augment_batch(augmentation, KEY, batch)
    assert moved["targets"].dtype == np.int8
    expected = np.asarray(moved["inputs"][..., 0])
    # What a crop lets in from outside is 0 in the image and void in the mask; no class here is 0.
    np.testing.assert_array_equal(moved["targets"], np.where(expected == 0, IGNORE, expected))
    assert not np.array_equal(moved["targets"], masks)


@pytest.mark.parametrize("places", [(16, 16), (16, 3, 16)], ids=["images", "volumes"])
def test_turned_masks_lie_on_their_turned_inputs(places):
    halves = np.zeros((8, *places), np.int8)
    halves[:, :8] = 1
    axes = (0, len(places) - 1)
    batch = {"inputs": jnp.asarray(halves, jnp.float32)[..., None], "targets": jnp.asarray(halves)}
    turned = augment_batch(jaxflow.Affine(80.0, 0.2, axes), KEY, batch)
    inputs, masks = np.asarray(turned["inputs"][..., 0]), np.asarray(turned["targets"])
    assert set(np.unique(masks)) == {0, 1}  # no classes between classes
    sure = np.abs(inputs - 0.5) > 0.49
    assert sure.mean() > 0.7
    np.testing.assert_array_equal(masks[sure], inputs[sure].round())
    assert np.abs(masks - halves).mean() > 0.05


class Each(nn.Module):
    """Logits of each pixel by itself."""

    @nn.compact
    def __call__(self, inputs, train=False):
        return nn.Dense(3)(inputs)


class Pixels(jaxflow.Classification):
    """Just enough of a problem to have a class for each pixel."""

    def metrics(self, outputs, targets, losses, weights):
        return {}


def sums(batch, **options):
    model, tx = Each(), optax.sgd(0.1)
    state = jaxflow.init_state(model, tx, jax.random.key(0), batch["inputs"][:1])
    return make_gradient_step(model, Pixels(), **options)(state, batch)


def test_void_pixels_count_nowhere():
    generator = np.random.RandomState(0)
    inputs = generator.rand(4, 6, 5, 2).astype(np.float32)
    targets = generator.randint(0, 3, (4, 6, 5)).astype(np.int8)
    targets[:, 3:] = IGNORE
    whole = sums({"inputs": inputs, "targets": targets})
    cut = sums({"inputs": inputs[:, :3], "targets": targets[:, :3]})
    assert whole.weight_sum == cut.weight_sum == 4 * 3 * 5
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), whole.gradient_sum, cut.gradient_sum
    )
    tiles = sums({"inputs": inputs, "targets": targets}, microbatch=2)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), whole.gradient_sum, tiles.gradient_sum
    )


def test_weights_of_rows_and_places():
    targets = np.array([[0, IGNORE], [2, 1]], np.int8)
    np.testing.assert_array_equal(loss_weights({"targets": targets}), [[1, 0], [1, 1]])
    np.testing.assert_array_equal(loss_weights({"targets": targets, "weights": np.array([1.0, 0.0])}), [[1, 0], [0, 0]])
    numbers = np.array([[-1.0, 2.0]], np.float32)
    np.testing.assert_array_equal(loss_weights({"targets": numbers}), [1])
