"""Reads every example of a prepared TFDS dataset once: which can be read, their labels and ids."""

from collections.abc import Iterable

import numpy as np

from jaxflow.console import track
from jaxflow.data.reading.corrupt import check_corrupt
from jaxflow.data.tfds.records import BadExample, Records
from jaxflow.data.tfds.sequential import SequentialRecords
from jaxflow.errors import UserError


def index_records(
    parts: Iterable[Records | SequentialRecords], max_corrupt: int, images: bool
) -> dict[str, np.ndarray]:
    """Reads and decodes every example of some splits once.

    Args:
      parts: the splits.
      max_corrupt: how many examples, of all splits together, may be unreadable; they are left out.
      images: whether the decoded images are returned.

    Returns:
      For each split S: "S.numbers", (examples,) int64, which records can be read, their "S.targets", (examples,) int32,
      their "S.ids", (examples,) text, with `images` "S.inputs", (examples, ...) uint8, and "S.bad", (bad examples,)
      text, what is wrong with the others.

    Raises:
      UserError: too many examples cannot be read, or a file cannot be.
    """
    arrays, bad = {}, []
    for part in parts:
        part.check_files()
        size, before = len(part), len(bad)
        shape = (size if images else 0, *part.feature.shape)
        try:
            inputs = np.empty(shape, np.uint8)
        except (MemoryError, ValueError) as error:  # ValueError: more than there are addresses
            raise UserError(
                f"{part.prepared} has {size:,} images of {part.feature.shape} in {part.split}, more than there is "
                "memory; leave them on disk: --data.in_memory=False, or make them smaller: data.size"
            ) from error
        numbers, targets, ids = np.empty(size, np.int64), np.empty(size, np.int32), []
        everything = track(part.read_all(), f"decode {part.prepared.parent.name}/{part.split}", size)
        for number, example in enumerate(everything):
            if isinstance(example, BadExample):
                bad.append(example)
                check_corrupt(bad, max_corrupt)
                continue
            pixels, target, name = example
            if images:
                inputs[len(ids)] = pixels
            numbers[len(ids)], targets[len(ids)] = number, target
            ids.append(name)
        found = {"numbers": numbers, "targets": targets} | ({"inputs": inputs} if images else {})
        arrays |= {f"{part.split}.{name}": array[: len(ids)] for name, array in found.items()}
        arrays |= {f"{part.split}.ids": np.array(ids, np.str_), f"{part.split}.bad": np.array(bad[before:], np.str_)}
    return arrays
