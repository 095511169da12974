"""Samples of a split, which statistics are computed of."""

from dataclasses import dataclass

import numpy as np

from jaxflow.schema import Split

# Examples of a split that statistics are computed of, and the bytes that they may take.
MAX_EXAMPLES, MAX_BYTES = 10_000, 1 << 29
CHUNK_SIZE = 512


@dataclass(frozen=True, eq=False)
class Sample:
    """Some examples of a split, all of a small one.

    Attributes:
      inputs: (examples, ...) array.
      targets: (examples, ...) array.
      indices: (examples,) their positions in the split, ascending.
    """

    inputs: np.ndarray
    targets: np.ndarray
    indices: np.ndarray


def take_sample(split: Split, count: int = MAX_EXAMPLES) -> Sample:
    """Draws up to `count` examples of a split, fewer large ones, always the same."""
    count = min(count, max(MAX_BYTES * len(split) // max(split.nbytes, 1), 1))
    chosen = np.arange(len(split))
    if len(split) > count:
        chosen = np.sort(np.random.RandomState(0).permutation(len(split))[:count])
    pieces = [split.rows(part)["inputs"] for part in chunks(chosen)]
    return Sample(np.concatenate(pieces), split.targets[chosen], chosen)


def chunks(chosen: np.ndarray) -> list[np.ndarray]:
    """Splits indices into arrays of CHUNK_SIZE, which are read at once."""
    return [chosen[first : first + CHUNK_SIZE] for first in range(0, len(chosen), CHUNK_SIZE)]
