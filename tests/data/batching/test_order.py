import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from jaxflow.data.batching.order import (
    balanced_indices,
    class_index,
    epoch_numbers,
    indices,
    num_steps,
    permutation,
    permute_pointwise,
)


@pytest.mark.parametrize(("size", "batch_size"), [(10, 3), (10, 10), (7, 5), (64, 1), (5, 4)])
def test_each_epoch_holds_every_example_exactly_once(size, batch_size):
    epochs = 4
    steps = num_steps(epochs, size, batch_size)
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
    epochs = epoch_numbers(1, 3, size=10, batch_size=8)
    np.testing.assert_array_equal(epochs, np.repeat([0, 1, 2, 3], 10)[8:32].reshape(3, 8))
    assert epochs.dtype == np.int32


def test_a_batch_equals_itself_after_a_restart():
    code = "from jaxflow.data.batching.order import indices; print(indices(7, 100, 16, 5).tolist())"
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
    assert num_steps(epochs, size, batch_size) == steps


# 40, 7, 1 and 12 examples; nobody has class 3.
LABELS = np.random.RandomState(0).permutation(np.repeat([0, 1, 2, 4], [40, 7, 1, 12]))


def test_every_class_comes_once_in_a_round_and_every_example_once_in_its_epoch():
    rounds = 85
    index, epoch = balanced_indices(0, 4 * rounds, class_index(LABELS), seed=3)
    assert index.dtype == epoch.dtype == np.int32
    labels = LABELS[index].reshape(rounds, 4)
    np.testing.assert_array_equal(np.sort(labels, axis=1), np.tile([0, 1, 2, 4], (rounds, 1)))
    assert len(np.unique(labels, axis=0)) == 24  # every order of the four
    for label in (0, 1, 2, 4):
        own, size = LABELS[index] == label, np.count_nonzero(label == LABELS)
        np.testing.assert_array_equal(epoch[own], np.arange(rounds) // size)
        orders = [tuple(index[own & (epoch == number)]) for number in range(rounds // size)]
        assert all(sorted(order) == np.flatnonzero(label == LABELS).tolist() for order in orders)
        assert size == 1 or len(set(orders)) == len(orders)


def test_any_piece_of_the_balanced_stream_is_made_by_itself():
    classes = class_index(LABELS)
    index, epoch = balanced_indices(0, 500, classes, seed=3)
    for first in (0, 3, 7, 250, 499):
        alone = balanced_indices(first, 1, classes, seed=3)
        assert (alone[0][0], alone[1][0]) == (index[first], epoch[first])
    np.testing.assert_array_equal(balanced_indices(123, 77, classes, 3)[0], index[123:200])
    assert balanced_indices(0, 500, classes, seed=4)[0].tolist() != index.tolist()


def test_the_balanced_order_is_fixed_for_ever():
    classes = class_index(np.array([0, 0, 1, 0, 2, 0, 0, 1]))
    assert balanced_indices(1_000_000, 9, classes, seed=5)[0].tolist() == [4, 2, 4, 7, 5, 2, 0, 4, 4]


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_all_orders_are_equally_likely(size):
    keys = np.random.RandomState(1).randint(0, 2**63, 24_000).astype(np.uint64)
    full = np.full(len(keys), size, np.uint64)
    orders = np.stack([permute_pointwise(np.full_like(full, place), full, keys) for place in range(size)], axis=1)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == math.factorial(size)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_large_shuffles_hold_everything_once():
    for size in (1, 17, 4096, 100_003):
        places, keys = np.arange(size, dtype=np.uint64), np.full(size, 9, np.uint64)
        found = permute_pointwise(places, np.full(size, size, np.uint64), keys).astype(int)
        assert sorted(found) == list(range(size))
        if size > 1000:  # neighbours are strangers, and nothing is left where it was
            assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.05
            assert abs(np.corrcoef(found, np.arange(size))[0, 1]) < 0.05
