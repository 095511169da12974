"""Inputs as rows of numbers for simple models: rows of tables as they are encoded, small images, counts of tokens."""

import time
from typing import TypeAlias

import numpy as np
from scipy import sparse

from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.schema import Feature, Split

# Sides of the images that simple models see.
SIDE = 16
# Inputs whose rows a simple model sees.
KINDS = ("vector", "series", "image", "volume", "audio", "tokens")
# Examples that are read at once, and bytes of their inputs, at most.
MAX_ROWS, MAX_BYTES = 256, 1 << 25

Rows: TypeAlias = np.ndarray | sparse.csr_array


def features_of(split: Split, feature: Feature, rows: np.ndarray, end: float = np.inf) -> Rows:
    """Returns the features of some examples.

    Args:
      split: the examples.
      feature: what their inputs are; its kind is one of KINDS.
      rows: (some examples,) their indices.
      end: when to stop, by `time.monotonic`; a first block is read whatever the time.

    Returns:
      (examples that were read in time, features) float32; of tokens a sparse array of counts.
    """
    blocks, at_once = [], block_size(feature)
    for start in range(0, len(rows), at_once):
        if blocks and time.monotonic() > end:
            break
        blocks.append(_block(split, feature, rows[start : start + at_once]))
    return sparse.vstack(blocks, "csr") if feature.kind == "tokens" else np.concatenate(blocks)


def block_size(feature: Feature) -> int:
    """Returns how many examples are read at once."""
    return max(1, min(MAX_ROWS, MAX_BYTES // max(feature.nbytes, 1)))


def _block(split: Split, feature: Feature, rows: np.ndarray) -> Rows:
    inputs = split.rows(rows)["inputs"]
    if feature.kind == "tokens":
        return _token_counts(inputs, feature.vocab_size or int(inputs.max()) + 1)
    if feature.kind == "audio":
        inputs = spectrogram_images(inputs)
    if feature.kind in ("image", "volume", "audio"):
        inputs = _shrunk(inputs.astype(np.float32))
    return inputs.reshape(len(rows), -1).astype(np.float32)


def _shrunk(arrays: np.ndarray) -> np.ndarray:
    """Returns (examples, *space, channels) whose sides are SIDE at most, each number the mean of its box."""
    for axis in range(1, arrays.ndim - 1):
        length = arrays.shape[axis]
        if length > SIDE:
            starts = np.arange(SIDE) * length // SIDE
            counts = np.diff(np.append(starts, length))
            shape = [1] * arrays.ndim
            shape[axis] = SIDE
            arrays = np.add.reduceat(arrays, starts, axis) / counts.reshape(shape).astype(np.float32)
    return arrays


def _token_counts(tokens: np.ndarray, vocabulary: int) -> sparse.csr_array:
    """Returns how often each token occurs in (examples, time); token 0 is padding."""
    rows, places = np.nonzero(tokens)
    shape = (len(tokens), vocabulary)
    return sparse.csr_array((np.ones(len(rows), np.float32), (rows, tokens[rows, places])), shape=shape)
