import io

import numpy as np
from PIL import Image

from jaxflow.data.profiling.duplicates import SIDE, across_splits, exact_groups, near_pairs, thumbnails


def scenes(count, seed=0, side=32):
    """Smooth images: blobs of light."""
    random = np.random.RandomState(seed)
    grid = np.linspace(0, 1, side)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    images = np.zeros((count, side, side, 3))
    for image in images:
        for _ in range(6):
            centre, colour = random.rand(2), random.rand(3) * 200
            image += np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 0.03)[..., None] * colour
    return images.clip(0, 255).astype(np.uint8)


def compressed(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def test_equal_inputs_are_found_over_pieces():
    rows = np.random.RandomState(0).randint(0, 9, (10, 4, 4, 1)).astype(np.uint8)
    rows[7], rows[9], rows[5] = rows[2], rows[2], rows[0]
    assert sorted(exact_groups([rows[:3], rows[3:8], rows[8:]])) == [[0, 5], [2, 7, 9]]
    assert exact_groups([rows[:2]]) == []


def test_thumbnails_are_means_of_parts():
    images = np.random.RandomState(0).rand(2, 18, 27, 3).astype(np.float32)
    expected = images.mean(-1).reshape(2, SIDE, 2, SIDE, 3).mean((2, 4))  # (image, row, in it, column, in it)
    np.testing.assert_allclose(thumbnails(images), expected, rtol=1e-5)
    assert thumbnails(np.ones((1, 4, 4, 1), np.uint8)).shape == (1, SIDE, SIDE)
    uneven = thumbnails(np.full((1, 31, 50, 3), 7, np.uint8))
    np.testing.assert_allclose(uneven, 7)


def test_changed_copies_look_alike_and_other_scenes_do_not():
    images = scenes(200)
    noise = np.random.RandomState(1).normal(0, 4, images[50].shape)
    copies = {
        200: compressed(images[3], quality=75),
        201: (images[10] * 0.8 + 20).astype(np.uint8),  # paler
        202: (images[50] + noise).clip(0, 255).astype(np.uint8),
    }
    pairs = near_pairs(thumbnails(np.concatenate([images, np.stack(list(copies.values()))])))
    assert pairs == [(3, 200), (10, 201), (50, 202)]


def test_images_without_contrast_are_like_no_other():
    assert near_pairs(thumbnails(np.full((5, 16, 16, 3), 30, np.uint8))) == []


def test_groups_across_splits():
    split_of = ["train"] * 3 + ["test"] * 2
    assert across_splits([[0, 1], [1, 4], [3, 4]], split_of) == [[1, 4]]
