import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.training import augment

KEY = jax.random.key(0)
IMAGES = jnp.asarray(np.random.RandomState(0).rand(64, 5, 7, 3), jnp.float32)


def test_flip_mirrors_about_half_of_the_images():
    flipped = jaxflow.Flip()(KEY, {"inputs": IMAGES})["inputs"]
    same = np.array([np.array_equal(a, b) for a, b in zip(flipped, IMAGES)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, IMAGES)])
    assert np.all(same ^ mirrored)
    assert 16 < mirrored.sum() < 48


def test_alternating_flips_show_each_image_in_both_forms_in_turn():
    def flipped(epochs, key=KEY):
        batch = {"inputs": IMAGES, "index": jnp.arange(64, dtype=jnp.int32), "epoch": jnp.asarray(epochs, jnp.int32)}
        return np.asarray(jaxflow.AlternatingFlip()(key, batch)["inputs"])

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
    cropped = np.asarray(jaxflow.Crop(pad, mode)(KEY, {"inputs": IMAGES})["inputs"])
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
    first, again = (augment.apply(chain, KEY, batch) for _ in range(2))
    other = augment.apply(chain, jax.random.key(1), batch)
    np.testing.assert_array_equal(first["inputs"], again["inputs"])
    assert not np.array_equal(first["inputs"], other["inputs"])
    np.testing.assert_array_equal(first["targets"], batch["targets"])
