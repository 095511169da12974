import subprocess
import sys

import numpy as np
import pytest

from jaxflow.data.order import epochs_of, indices, permutation, steps_in


@pytest.mark.parametrize(("size", "batch_size"), [(10, 3), (10, 10), (7, 5), (64, 1), (5, 4)])
def test_each_epoch_holds_every_example_exactly_once(size, batch_size):
    epochs = 4
    steps = steps_in(epochs, size, batch_size)
    stream = np.concatenate([indices(step, size, batch_size, seed=3) for step in range(steps)])
    for epoch in range(epochs):
        assert sorted(stream[epoch * size : (epoch + 1) * size]) == list(range(size))
    assert len(stream) - epochs * size < batch_size


def test_batches_are_never_padded_and_span_epochs():
    batch = indices(1, size=10, batch_size=8, seed=0)
    assert batch.shape == (8,)
    np.testing.assert_array_equal(batch[:2], permutation(10, 0, 0)[8:])
    np.testing.assert_array_equal(batch[2:], permutation(10, 0, 1)[:6])


def test_each_example_of_a_batch_knows_its_epoch():
    epochs = epochs_of(1, 3, size=10, batch_size=8)
    np.testing.assert_array_equal(epochs, np.repeat([0, 1, 2, 3], 10)[8:32].reshape(3, 8))
    assert epochs.dtype == np.int32


def test_a_batch_equals_itself_after_a_restart():
    code = "from jaxflow.data.order import indices; print(indices(7, 100, 16, 5).tolist())"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert fresh.strip() == str(indices(7, 100, 16, 5).tolist())


def test_the_order_is_fixed_for_ever():
    # Written down once: a run started with an older NumPy or jaxflow must go on with the same batches.
    assert permutation(10, seed=0, epoch=0).tolist() == [6, 1, 0, 5, 3, 8, 7, 9, 2, 4]


def test_epochs_and_seeds_differ():
    assert permutation(50, 0, 0).tolist() != permutation(50, 0, 1).tolist()
    assert permutation(50, 0, 0).tolist() != permutation(50, 1, 0).tolist()


@pytest.mark.parametrize(
    ("epochs", "size", "batch_size", "steps"), [(10, 45_000, 32, 14_063), (0.1, 30, 3, 1), (0, 9, 3, 0), (1, 9, 3, 3)]
)
def test_steps_cover_the_epochs(epochs, size, batch_size, steps):
    assert steps_in(epochs, size, batch_size) == steps
