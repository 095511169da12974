"""What a split holds, as short digests: data that changed under the same names is noticed when a run resumes."""

import functools
import hashlib
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from jaxflow.data.dataset import ArraySplit
from jaxflow.data.spread import evenly_spaced
from jaxflow.schema import Split

T = TypeVar("T")

# Of arrays in memory, at most so many bytes are read; at 7 GB/s they take 25 ms.
MAX_BYTES = 160 << 20
# Of rows that are mapped from disk, or copied out of an array: at most so many bytes, in so many blocks.
MAX_MAPPED_BYTES, BLOCKS = 16 << 20, 64
# Files whose sizes are compared; of some of them so many bytes are, at the beginning, in the middle and at the end.
MAX_FILES, MAX_READ, READ_BYTES = 2000, 500, 4096
# Words that become one, and their weights: odd, so that a changed word changes the sum with certainty.
ROW = 4096
_WEIGHTS = np.random.RandomState(0).randint(0, 2**63, ROW, np.int64).astype(np.uint64) * np.uint64(2) + np.uint64(1)


def fingerprint(split: Split) -> dict[str, str]:
    """Computes digests of what the examples of a split hold; where it lies and when it was written do not matter.

    Arrays in memory are read whole up to 160 MB (any changed element is noticed), of larger ones that much in evenly
    spaced blocks; of rows mapped from disk, windows of texts and of series 16 MB. Of files the sizes of 2,000 are
    compared, and parts of 500, evenly spaced. Of a split of the user's own kind the targets alone are read.

    Args:
      split: a split.

    Returns:
      Digests of "inputs" and "targets"; "exact_targets" where these have digits that float32 lacks; and where values
      were computed from files, which may differ in their last bits elsewhere, "computed_by": the kind of machine.
    """
    if isinstance(split, ArraySplit):
        inputs = split.inputs if isinstance(split.inputs, Mapping) else {"": split.inputs}
        return {
            "inputs": _digest(block for name in sorted(inputs) for block in _sampled(inputs[name])),
            **_digest_targets(_sampled(split.targets)),
            "computed_by": _machine(),
        }
    if getattr(split, "in_memory", False):  # windows of series, as they reach the device
        return _digest_rows(split, MAX_BYTES)
    # Here, since they bring what reads files, which arrays in memory do without.
    from jaxflow.data.folders.file_split import FileSplit
    from jaxflow.data.storage.mapped import Mapped
    from jaxflow.data.tfds.records import TfdsSplit

    if isinstance(split, Mapped):
        return _digest_rows(split, MAX_MAPPED_BYTES)
    targets = _digest_targets(_sampled(split.targets))
    if isinstance(split, FileSplit):
        return targets | {"inputs": _digest_files([f"{split.folder}/{name}" for name in _spaced(split.ids, MAX_FILES)])}
    if isinstance(split, TfdsSplit):
        files = [str(path) for path in sorted(split.records.prepared.iterdir()) if not path.name.startswith(".")]
        return targets | {"inputs": _digest([split.numbers]) + _digest_files(_spaced(files, MAX_FILES))}
    return targets


def _digest_rows(split: Split, limit: int) -> dict[str, str]:
    """Computes digests of rows that are gathered from what a split holds: of `limit` bytes of them at most."""
    rows = [split.rows(np.arange(len(split))[part]) for part in _parts(len(split), split.nbytes, limit)]
    digests = {"inputs": _digest(block["inputs"] for block in rows)}
    return digests | _digest_targets(block["targets"] for block in rows) | {"computed_by": _machine()}


def _digest(arrays: Iterable[np.ndarray]) -> str:
    """Computes a digest of arrays, in order: of their dtypes, shapes and bytes."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        words = data[: len(data) // 8 * 8].view(np.uint64)
        whole = len(words) // ROW * ROW
        rest = words[whole:]
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.einsum("ij,j->i", words[:whole].reshape(-1, ROW), _WEIGHTS).tobytes())
        digest.update((rest * _WEIGHTS[: len(rest)]).sum(dtype=np.uint64).tobytes() + data[len(words) * 8 :].tobytes())
    return digest.hexdigest()


def _digest_targets(blocks: Iterable[np.ndarray]) -> dict[str, str]:
    """Computes the digest "targets", of values as float32, and "exact_targets" where they have more digits."""
    exact = list(blocks)
    with np.errstate(over="ignore"):
        rounded = [block.astype(np.float32) if block.dtype == np.float64 else block for block in exact]
    more = any(block.dtype == np.float64 and (block != short).any() for block, short in zip(exact, rounded))
    return {"targets": _digest(rounded)} | ({"exact_targets": _digest(exact)} if more else {})


def _digest_files(paths: Sequence[str]) -> str:
    """Computes a digest of the sizes of files and of parts of some of them."""
    sizes = {path: os.stat(path).st_size for path in paths}
    digest = hashlib.blake2b(repr(list(sizes.values())).encode(), digest_size=8)
    for path in _spaced(paths, MAX_READ):
        with open(path, "rb") as file:
            for start in (0, sizes[path] // 2, max(0, sizes[path] - READ_BYTES)):
                file.seek(start)
                digest.update(file.read(READ_BYTES))
    return digest.hexdigest()


def _sampled(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[part] for part in _parts(len(array), array.nbytes, MAX_BYTES))


def _parts(rows: int, nbytes: int, limit: int) -> list[slice]:
    """Divides rows of `nbytes` bytes into one block, or takes evenly spaced blocks of them that have `limit` bytes."""
    if nbytes <= limit:
        return [slice(0, rows)]
    size = max(1, rows * limit // nbytes // BLOCKS)
    return [slice(start, start + size) for start in _spaced(range(rows - size + 1), BLOCKS)]


def _spaced(items: Sequence[T], count: int) -> list[T]:
    """Returns at most `count` of the items, evenly spaced, the first and the last among them."""
    return [items[int(index)] for index in evenly_spaced(len(items), count)]


@functools.cache
def _machine() -> str:
    """Returns what the last bits of computed values may depend on: processor, NumPy and the decoder of images."""
    from importlib.metadata import version

    found = np.show_config(mode="dicts") or {}
    vectors = found.get("SIMD Extensions", {}).get("found", [])
    known = hashlib.sha256(repr(vectors).encode()).hexdigest()[:6]
    return f"{platform.machine()}-{known}, numpy {np.__version__}, Pillow {version('pillow')}"
