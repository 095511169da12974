"""Which examples make up batch t: a pure function of (size, batch size, seed, t), so a run needs no iterator state."""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=4)
def permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    """Shuffles the examples for one epoch.

    Args:
      size: number of examples.
      seed: the run's seed.
      epoch: which pass over the data, from 0.

    Returns:
      (size,) int32 permutation. RandomState's stream is frozen by NumPy, so every version gives the same.
    """
    generator = np.random.RandomState(np.random.MT19937(np.random.SeedSequence([seed, epoch])))
    order = generator.permutation(size).astype(np.int32)
    order.flags.writeable = False
    return order


def indices(step: int, size: int, batch_size: int, seed: int) -> np.ndarray:
    """Lists the examples of one training batch.

    The epochs' permutations are laid end to end and cut every `batch_size`, so a batch may span two epochs, none is
    padded, and each epoch holds every example exactly once.

    Args:
      step: batch number, from 0.
      size: number of examples in the split.
      batch_size: examples in a batch.
      seed: the run's seed.

    Returns:
      (batch_size,) int32 indices.
    """
    first = step * batch_size
    pieces = []
    while first < (step + 1) * batch_size:
        epoch, offset = divmod(first, size)
        piece = permutation(size, seed, epoch)[offset : offset + (step + 1) * batch_size - first]
        pieces.append(piece)
        first += len(piece)
    return np.concatenate(pieces)


def epochs_of(step: int, steps: int, size: int, batch_size: int) -> np.ndarray:
    """Says which pass over the data each example of some training batches in a row belongs to.

    Args:
      step: number of the first batch, from 0.
      steps: how many batches.
      size: number of examples in the split.
      batch_size: examples in a batch.

    Returns:
      (steps, batch_size) int32 epochs, from 0, in the order of `indices`.
    """
    stream = np.arange(step * batch_size, (step + steps) * batch_size)
    return (stream // size).astype(np.int32).reshape(steps, batch_size)


def steps_in(epochs: float, size: int, batch_size: int) -> int:
    """Counts the batches that cover `epochs` passes over `size` examples."""
    # Rounded first: 0.1 * 30 / 3 must be one batch, not two.
    return math.ceil(round(epochs * size / batch_size, 6))
