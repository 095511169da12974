"""Which examples make up batch t: a pure function of (size, batch size, seed, t), so a run needs no iterator state."""

import functools
import math
from dataclasses import dataclass

import numpy as np

# Passes over both digits that make a shuffle: with fewer, orders of three or four examples are not equally likely.
PASSES = 8
# Odd, and far from any regular pattern of bits: 2**64 over the golden ratio.
STEP = np.array([0x9E3779B97F4A7C15], np.uint64)


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

    The epochs' permutations follow one another and are divided every `batch_size`: a batch may span two epochs, none
    is padded, and each epoch holds every example exactly once.

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


def epoch_numbers(step: int, steps: int, size: int, batch_size: int) -> np.ndarray:
    """Computes which pass over the data each example of consecutive training batches belongs to.

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


def num_steps(epochs: float, size: int, batch_size: int) -> int:
    """Computes the number of batches that cover `epochs` passes over `size` examples."""
    # Rounded first: 0.1 * 30 / 3 must be one batch, not two.
    return math.ceil(round(epochs * size / batch_size, 6))


@dataclass(frozen=True, eq=False)
class ClassIndex:
    """The examples of a split, class by class.

    Attributes:
      examples: (examples,) int32 indices in the split, those of a class side by side.
      first: (classes,) uint64, where each class begins in `examples`; classes without examples are left out.
      count: (classes,) uint64, how many it has.
    """

    examples: np.ndarray
    first: np.ndarray
    count: np.ndarray


def class_index(targets: np.ndarray) -> ClassIndex:
    """Sorts examples by their (examples,) integer labels."""
    _, first, count = np.unique(np.sort(targets), return_index=True, return_counts=True)
    examples = np.argsort(targets, kind="stable").astype(np.int32)
    return ClassIndex(examples, first.astype(np.uint64), count.astype(np.uint64))


def balanced_indices(first: int, count: int, classes: ClassIndex, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists a section of the stream of training examples in which every class comes equally often.

    The stream goes in rounds, in each of which every class has one turn, in an order of the round's own. In round r a
    class shows example r modulo its size of the shuffle of its epoch r // its size: each of its examples once before
    any twice, and rare classes go through more epochs than frequent ones.

    Args:
      first: where in the stream the section begins; batch t begins at t * batch size.
      count: its length.
      classes: from `class_index`.
      seed: the run's seed.

    Returns:
      Each example's index in the split and the epoch of its class, both (count,) int32.
    """
    turns, turn = np.divmod(np.arange(first, first + count, dtype=np.uint64), np.uint64(len(classes.count)))
    label = permute_pointwise(turn, np.full(count, len(classes.count), np.uint64), _hash(seed, 0, turns))
    size = classes.count[label]
    epoch, position = np.divmod(turns, size)
    position = permute_pointwise(position, size, _hash(seed, label + np.uint64(1), epoch))
    return classes.examples[classes.first[label] + position], epoch.astype(np.int32)


def permute_pointwise(positions: np.ndarray, sizes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Evaluates pseudorandom permutations of 0..size-1 pointwise, without materialising them.

    A number is written as two digits, and each digit is shifted in turn by a hash of the other one; a result that lies
    outside 0..size-1 is put in again.

    Args:
      positions: (n,) uint64, each below its size.
      sizes: (n,) uint64.
      keys: (n,) uint64; a key and a size make a shuffle.

    Returns:
      (n,) uint64.

    Source: J. Black and P. Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002 (generalized Feistel, cycle
    walking).
    """
    values = positions.copy()
    low = np.ceil(np.sqrt(sizes)).astype(np.uint64)
    high = -(-sizes.astype(np.int64) // low.astype(np.int64)).astype(np.uint64)  # low * high is at least size
    outside = np.arange(len(values))
    while len(outside):
        left, right = np.divmod(values[outside], low[outside])
        for number in range(PASSES):
            # Half a hash, so that the sum stays below 2**64 and each shift can be undone.
            left = (left + (_mix(keys[outside] + np.uint64(2 * number) * STEP + right) >> 1)) % high[outside]
            right = (right + (_mix(keys[outside] + np.uint64(2 * number + 1) * STEP + left) >> 1)) % low[outside]
        values[outside] = left * low[outside] + right
        outside = outside[values[outside] >= sizes[outside]]
    return values


def _hash(*words: int | np.ndarray) -> np.ndarray:
    """Hashes numbers to (n,) uint64."""
    mixed = np.zeros(1, np.uint64)
    for word in words:
        mixed = _mix(mixed + STEP + np.asarray(word, np.uint64))
    return mixed


def _mix(words: np.ndarray) -> np.ndarray:
    """Mixes the bits of (n,) uint64.

    Source: G. Steele, D. Lea and C. Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014 (SplitMix64).
    """
    words = (words ^ (words >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> 27)) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> 31)
