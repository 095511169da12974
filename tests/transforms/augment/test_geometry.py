import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import jaxflow
from jaxflow.models.layers.rows import keys_by_row
from jaxflow.transforms import augment
from jaxflow.transforms.augment.geometry import turn
from tests.transforms.augment.applying import augment_batch

KEY = jax.random.key(0)
IMAGES = jnp.asarray(np.random.RandomState(0).rand(64, 5, 7, 3), jnp.float32)


def test_flip_mirrors_about_half_of_the_images():
    flipped = augment_batch(jaxflow.Flip(), KEY, {"inputs": IMAGES})["inputs"]
    same = np.array([np.array_equal(a, b) for a, b in zip(flipped, IMAGES)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, IMAGES)])
    assert np.all(same ^ mirrored)
    assert 16 < mirrored.sum() < 48


def test_alternating_flips_show_each_image_in_both_forms_in_turn():
    def flipped(epochs, key=KEY):
        batch = {"inputs": IMAGES, "index": jnp.arange(64, dtype=jnp.int32), "epoch": jnp.asarray(epochs, jnp.int32)}
        return np.asarray(augment_batch(jaxflow.AlternatingFlip(), key, batch)["inputs"])

    first, second = flipped(np.zeros(64)), flipped(np.ones(64))
    np.testing.assert_array_equal(first, second[:, :, ::-1])
    np.testing.assert_array_equal(first, flipped(np.full(64, 2), jax.random.key(1)))
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(first, IMAGES)])
    same = np.array([np.array_equal(a, b) for a, b in zip(first, IMAGES)])
    assert np.all(same ^ mirrored)
    assert 16 < mirrored.sum() < 48
    # A batch may span two epochs: each example goes by its own.
    np.testing.assert_array_equal(
        flipped(np.arange(64) % 2), np.where((np.arange(64) % 2)[:, None, None, None], second, first)
    )


@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_a_crop_is_a_window_of_the_padded_image(mode):
    pad = 2
    cropped = np.asarray(augment_batch(jaxflow.Crop(pad, mode), KEY, {"inputs": IMAGES})["inputs"])
    widths = ((pad, pad), (pad, pad), (0, 0))
    seen = set()
    for before, after in zip(np.asarray(IMAGES), cropped):
        padded = np.pad(before, widths, mode="reflect" if mode == "reflect" else "constant")
        matches = [
            (row, column)
            for row in range(2 * pad + 1)
            for column in range(2 * pad + 1)
            if np.array_equal(padded[row : row + 5, column : column + 7], after)
        ]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) > 15  # of the 25 shifts, 64 images show most


def test_augmentation_is_a_pure_function_of_its_key():
    chain = (jaxflow.Flip(), jaxflow.Crop(1))
    batch = {"inputs": IMAGES, "targets": jnp.arange(64)}
    first, again = (augment.apply(chain, keys_by_row(KEY, 0, 64), batch) for _ in range(2))
    other = augment.apply(chain, keys_by_row(jax.random.key(1), 0, 64), batch)
    np.testing.assert_array_equal(first["inputs"], again["inputs"])
    assert not np.array_equal(first["inputs"], other["inputs"])
    np.testing.assert_array_equal(first["targets"], batch["targets"])


def augmented(augmentation, images=IMAGES, key=KEY):
    batch = {"inputs": images, "targets": jnp.zeros(len(images), jnp.int32)}
    done = augment_batch(augmentation, key, batch)
    assert done["inputs"].dtype == images.dtype
    np.testing.assert_array_equal(done["targets"], batch["targets"])
    return np.asarray(done["inputs"])


@pytest.mark.parametrize(
    "nothing",
    [jaxflow.Affine(0.0, 0.0), jaxflow.ColorJitter(0.0, 0.0, 0.0), jaxflow.Cutout(0), jaxflow.GaussianNoise(0.0)],
    ids=lambda augmentation: type(augmentation).__name__,
)
def test_augmentations_of_no_strength_change_nothing(nothing):
    np.testing.assert_allclose(augmented(nothing), IMAGES, atol=1e-5)


def test_turned_images_are_scipys():
    angles, factors = jnp.array([0.3, -1.2, 2.0]), jnp.array([1.0, 0.7, 1.6])
    turned = turn(IMAGES[:3], angles, factors)
    centre = (np.array(IMAGES.shape[1:3]) - 1) / 2
    for image, angle, factor, ours in zip(IMAGES, angles, factors, turned):
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / factor
        for channel in range(3):
            expected = scipy.ndimage.affine_transform(
                np.asarray(image[..., channel], np.float64), back, centre - back @ centre, order=1, mode="mirror"
            )
            np.testing.assert_allclose(ours[..., channel], expected, atol=1e-5)


def test_a_quarter_turn_is_anticlockwise():
    square = IMAGES[:2, :, :5]
    turned = turn(square, jnp.full(2, jnp.pi / 2), jnp.ones(2))
    np.testing.assert_allclose(turned, np.rot90(square, axes=(1, 2)), atol=1e-5)


def test_jitter_moves_one_thing_at_a_time():
    lit = augmented(jaxflow.ColorJitter(0.3, 0.0, 0.0))
    ratios = lit.mean((1, 2, 3), keepdims=True) / IMAGES.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(lit, IMAGES * ratios, atol=1e-5)
    assert 0.7 <= ratios.min() < 0.8
    assert 1.2 < ratios.max() <= 1.3
    contrasted = augmented(jaxflow.ColorJitter(0.0, 0.3, 0.0))
    np.testing.assert_allclose(contrasted.mean((1, 2, 3)), IMAGES.mean((1, 2, 3)), rtol=1e-5)
    spread = contrasted.std((1, 2, 3)) / np.asarray(IMAGES.std((1, 2, 3)))
    assert 0.7 <= spread.min() < 0.8
    assert 1.2 < spread.max() <= 1.3
    saturated = augmented(jaxflow.ColorJitter(0.0, 0.0, 0.3))
    np.testing.assert_allclose(saturated.mean(-1), IMAGES.mean(-1), rtol=1e-5)
    assert not np.allclose(saturated, IMAGES, atol=0.01)


def test_cutout_covers_one_square():
    covered = augmented(jaxflow.Cutout(3, value=-1.0))
    shapes = set()
    for before, after in zip(np.asarray(IMAGES), covered):
        hidden = (after == -1).all(-1)
        np.testing.assert_array_equal(after[~hidden], before[~hidden])
        rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        assert hidden[np.ix_(rows, columns)].all()
        assert len(rows) == np.ptp(rows) + 1
        assert len(columns) == np.ptp(columns) + 1
        shapes.add((len(rows), len(columns)))
    assert max(shapes) == (3, 3)
    assert (2, 2) in shapes  # at a corner


def test_noise_has_its_deviation():
    many = jnp.zeros((1000, 50), jnp.float32)
    noise = augmented(jaxflow.GaussianNoise(0.2), many)
    assert abs(noise.mean()) < 5 * 0.2 / 50_000**0.5
    assert noise.std() == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize(
    "augmentation",
    [jaxflow.Affine(), jaxflow.ColorJitter(), jaxflow.Cutout(), jaxflow.GaussianNoise()],
    ids=lambda augmentation: type(augmentation).__name__,
)
def test_augmentations_are_functions_of_the_key(augmentation):
    first = augmented(augmentation)
    np.testing.assert_array_equal(first, augmented(augmentation))
    assert not np.array_equal(first, augmented(augmentation, key=jax.random.key(1)))
    assert len(np.unique(np.abs(first - np.asarray(IMAGES)).sum((1, 2, 3)))) > 32  # each example has its own


def test_vectors_have_nothing_to_crop():
    with pytest.raises(jaxflow.UserError, match="Crop shifts images, volumes and series"):
        augment_batch(jaxflow.Crop(), jax.random.key(0), {"inputs": jnp.zeros((2, 3))})
