"""RandAugment, operation by operation, against Pillow's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import jaxflow
from jaxflow.transforms.augment import randaugment
from jaxflow.transforms.augment.randaugment import CHANGES, MOVES
from tests.transforms.augment.applying import augment_batch

KEY = jax.random.key(0)
BYTES = np.random.RandomState(0).randint(0, 256, (14, 12, 16, 3)).astype(np.uint8)
BYTES[:, :6] //= 2  # levels are not all alike
IMAGES = jnp.asarray(BYTES / 255.0, jnp.float32)
CHOSEN = jnp.arange(14)


def changed(name, strength, images=IMAGES):
    chosen = jnp.full(len(images), CHANGES.index(name))
    return np.asarray(randaugment._change(images, chosen, jnp.full(len(images), strength, jnp.float32)))


@pytest.mark.parametrize(
    ("name", "theirs", "within"),
    [
        ("brightness", lambda image: ImageEnhance.Brightness(image).enhance(1.45), 1.01),
        ("sharpness", lambda image: ImageEnhance.Sharpness(image).enhance(1.45), 1.5),
        ("posterize", lambda image: ImageOps.posterize(image, 6), 1.01),
        ("solarize", lambda image: ImageOps.solarize(image, 128), 1.01),
        ("autocontrast", lambda image: ImageOps.autocontrast(image), 1.01),
    ],
)
def test_changes_are_pillows(name, theirs, within):
    """Within a level of 255, or two where Pillow rounds on its way."""
    ours = changed(name, 0.5) * 255
    for image, expected in zip(ours, map(theirs, map(Image.fromarray, BYTES))):
        assert np.abs(image - np.asarray(expected, np.float32)).max() <= within


def test_equalizing_is_pillows():
    skewed = (np.random.RandomState(1).rand(2, 300, 300, 3) ** 3 * 255).astype(np.uint8)
    ours = changed("equalize", 0.5, jnp.asarray(skewed / 255.0, jnp.float32)) * 255
    for image, before in zip(ours, skewed):
        expected = np.asarray(ImageOps.equalize(Image.fromarray(before)), np.float32)
        assert np.abs(image - expected).max() <= 2


def test_contrast_and_colour_keep_what_they_go_away_from():
    grey = np.asarray(IMAGES.mean(-1, keepdims=True))
    blended = np.asarray(IMAGES) + 0.45 * (np.asarray(IMAGES) - grey)
    np.testing.assert_allclose(changed("colour", 0.5), np.clip(blended, 0, 1), atol=1e-5)
    mean = grey.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(
        changed("contrast", -0.5), np.clip(mean + 0.55 * (np.asarray(IMAGES) - mean), 0, 1), atol=1e-5
    )


def test_moves_move():
    def moved(name, strength):
        chosen = jnp.full(len(IMAGES), MOVES.index(name))
        return np.asarray(randaugment._move(IMAGES, chosen, jnp.full(len(IMAGES), strength, jnp.float32)))

    np.testing.assert_array_equal(moved("identity", 1.0), IMAGES)
    # 0.3 of 16 columns are 4.8: take a strength that makes them 3 whole ones.
    np.testing.assert_allclose(moved("shift columns", 3 / 4.8)[:, :, :-3], IMAGES[:, :, 3:], atol=1e-5)
    np.testing.assert_allclose(moved("shift rows", 2 / 3.6)[:, :-2], IMAGES[:, 2:], atol=1e-5)
    turned = jaxflow.transforms.augment.geometry.turn(IMAGES, jnp.full(14, np.deg2rad(15.0)), jnp.ones(14))
    np.testing.assert_allclose(moved("turn", 0.5), turned, atol=1e-5)
    sheared = moved("shear rows", 1.0)
    for column in (2, 13):  # each column moves by 0.3 of its distance from the middle
        offset = 0.3 * (column - 7.5)
        places = np.arange(12) + offset
        inside = (places >= 0) & (places <= 11)
        low = np.floor(places[inside]).astype(int)
        part = (places[inside] - low)[:, None]
        source = np.asarray(IMAGES[:, :, column])
        expected = (1 - part) * source[:, low] + part * source[:, np.minimum(low + 1, 11)]
        np.testing.assert_allclose(sheared[:, inside, column], expected, atol=1e-5)


@pytest.mark.slow
def test_no_strength_leaves_what_can_be_left():
    kept = jnp.asarray([MOVES.index(name) for name in MOVES] + [len(MOVES) + i for i in range(4)])
    images = IMAGES[: len(kept)]
    zeros = jnp.zeros(len(kept))
    moved = randaugment._move(images, kept, zeros)
    np.testing.assert_allclose(randaugment._change(moved, kept - len(MOVES), zeros), images, atol=1e-5)


def test_each_image_has_operations_of_its_own():
    batch = {"inputs": IMAGES, "targets": jnp.zeros(14, jnp.int32)}
    first = np.asarray(augment_batch(jaxflow.RandAugment(), KEY, batch)["inputs"])
    np.testing.assert_array_equal(first, augment_batch(jaxflow.RandAugment(), KEY, batch)["inputs"])
    other = np.asarray(augment_batch(jaxflow.RandAugment(), jax.random.key(1), batch)["inputs"])
    assert not np.array_equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6
    assert len(np.unique(np.abs(first - np.asarray(IMAGES)).sum((1, 2, 3)).round(3))) > 9


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(jaxflow.UserError, match=r"RandAugment\.num_ops is 0"):
        jaxflow.RandAugment(0)
    with pytest.raises(jaxflow.UserError, match=r"RandAugment\.magnitude is 2"):
        jaxflow.RandAugment(magnitude=2)
    with pytest.raises(jaxflow.UserError, match="not their masks"):
        augment_batch(jaxflow.RandAugment(), KEY, {"inputs": IMAGES, "targets": jnp.zeros(IMAGES.shape[:-1], jnp.int8)})
