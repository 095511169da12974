"""Examples that occur twice: to the bit, or as images that look alike."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

# Side of the thumbnails by which images are compared, and how alike two must be: correlation of their pixels.
SIDE = 9
ALIKE = 0.98
# Parts of the hash, one of which must agree; and how many images of one part are compared with each other.
BANDS = 9
MAX_ALIKE = 500


def exact_groups(inputs: Iterable[np.ndarray]) -> list[list[int]]:
    """Finds examples whose inputs are equal.

    Args:
      inputs: blocks of the inputs in order, each (examples, ...).

    Returns:
      Indices of equal examples, two or more in each group, in order.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    count = 0
    for block in inputs:
        for row in np.ascontiguousarray(block):
            groups[hashlib.blake2b(row.tobytes(), digest_size=16).digest()].append(count)
            count += 1
    return [group for group in groups.values() if len(group) > 1]


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Shrinks images to SIDE x SIDE grey pixels, each the mean of an area.

    Args:
      images: (examples, height, width, channel), of any dtype.

    Returns:
      (examples, SIDE, SIDE) float32.
    """
    grey = images.mean(-1, dtype=np.float32)  # (example, height, width)
    for axis in (1, 2):
        size = grey.shape[axis]
        if size < SIDE:
            grey = np.repeat(grey, -(-SIDE // size), axis=axis)
            size = grey.shape[axis]
        starts = np.arange(SIDE) * size // SIDE
        counts = np.diff(np.append(starts, size)).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = SIDE
        grey = np.add.reduceat(grey, starts, axis=axis) / counts.reshape(shape)
    return grey


def near_pairs(small: np.ndarray) -> list[tuple[int, int]]:
    """Finds images that look alike: candidates by a perceptual hash, told apart by their pixels.

    The hash has a bit for each pixel that is brighter than the one beside it, and one for each brighter than the one
    below it. It is split into bands; candidates agree in one of them.

    Args:
      small: (examples, SIDE, SIDE) from `thumbnails`.

    Returns:
      Pairs of indices, the smaller first.

    Source: N. Krawetz, Kind of Like That (dHash), 2013.
    """
    flat = small.reshape(len(small), -1)  # (example, pixel)
    centred = flat - flat.mean(1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    # An image without contrast looks like every other one; `check_images` finds those.
    varied = np.flatnonzero(norms > SIDE)
    unit = centred / np.maximum(norms, 1)[:, None]
    across, down = small[:, :, 1:] > small[:, :, :-1], small[:, 1:] > small[:, :-1]
    bits = np.concatenate([half.reshape(len(small), -1) for half in (across, down)], axis=1)  # (example, bit)
    pairs: set[tuple[int, int]] = set()
    for band in np.array_split(bits, BANDS, axis=1):
        for group in _equal_rows(np.packbits(band, axis=1), varied):
            group = np.array(group[:MAX_ALIKE])
            alike = np.triu(unit[group] @ unit[group].T > ALIKE, 1)
            pairs.update((int(group[i]), int(group[j])) for i, j in zip(*np.nonzero(alike)))
    return sorted(pairs)


def _equal_rows(keys: np.ndarray, rows: np.ndarray) -> list[list[int]]:
    groups: dict[bytes, list[int]] = defaultdict(list)
    for row in rows:
        groups[keys[row].tobytes()].append(int(row))
    return [group for group in groups.values() if len(group) > 1]


def across_splits(groups: Sequence[Sequence[int]], split_of: Sequence[str]) -> list[Sequence[int]]:
    """Returns the groups that are split across splits.

    Args:
      groups: indices of examples, those of the splits one after the other.
      split_of: the split of each index.

    Returns:
      These groups.
    """
    return [group for group in groups if len({split_of[index] for index in group}) > 1]
