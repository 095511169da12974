"""Random access to a prepared TFDS dataset: examples read by number, decoded, and named where they are bad."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.reading.corrupt import error_line
from jaxflow.data.reading.images import decode_image
from jaxflow.data.threads import in_threads
from jaxflow.errors import UserError
from jaxflow.schema import Feature

# Encoded examples that are read at once.
CHUNK_SIZE = 256


class BadExample(str):
    """What is wrong with an example that cannot be read; it names its file, record, split, number and id."""


@dataclass(frozen=True)
class Records:
    """The examples of one split, in the order of its files; a copy in another process opens the files anew.

    Attributes:
      prepared: the dataset's folder of one version.
      split: the split's official name.
      image: name of the image feature.
      label: name of the label feature.
      feature: what every image becomes.
    """

    prepared: Path
    split: str
    image: str
    label: str
    feature: Feature

    @functools.cached_property
    def _source(self) -> Any:
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(str(self.prepared))
        return builder.as_data_source(split=self.split, decoders={self.image: tfds.decode.SkipDecoding()})

    @property
    def _files(self) -> list[Any]:
        return self._source.dataset_info.splits[self.split].file_instructions

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_source"}

    def __len__(self) -> int:
        return len(self._source)

    def check_files(self) -> None:
        """Opens every file and counts its examples.

        Raises:
          UserError: a file cannot be read, or does not hold as many examples as the dataset says.
        """
        from array_record.python.array_record_module import ArrayRecordReader

        again = f"restore the file, or remove {self.prepared} and prepare the dataset again"
        for file in self._files:
            try:
                with open(file.filename, "rb"):  # array_record raises nothing for a missing file
                    reader = ArrayRecordReader(str(file.filename))
                found = reader.num_records()
                reader.close()  # raises what went wrong before
                if found > Path(file.filename).stat().st_size:
                    raise ValueError(f"it claims {found:,} examples, more than it has bytes")
            except Exception as error:
                raise UserError(f"{file.filename} cannot be read: {error_line(error)}; {again}") from error
            if found != file.examples_in_shard:
                raise UserError(f"{file.filename} holds {found} examples, not {file.examples_in_shard}; {again}")

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[np.ndarray, int, str] | BadExample]:
        """Reads and decodes some examples, by several threads, in order.

        Args:
          numbers: which, in the order of the files.

        Yields:
          For each its image, uint8 of the feature's shape, its label, and its id; or what is wrong with it.
        """
        try:
            found = self._source.__getitems__([int(number) for number in numbers])  # from all files in parallel
        except Exception:  # one at least is bad: each by itself, to see which
            yield from (self._decoded(number, None) for number in numbers)
        else:
            yield from in_threads(self._decoded, numbers, found)

    def read_all(self) -> Iterator[tuple[np.ndarray, int, str] | BadExample]:
        """Reads all examples, some at once, in the order of the files; as `read`."""
        for first in range(0, len(self), CHUNK_SIZE):
            yield from self.read(range(first, min(first + CHUNK_SIZE, len(self))))

    def _decoded(self, number: int, example: dict[str, Any] | None) -> tuple[np.ndarray, int, str] | BadExample:
        name = f"{self.split}_{number}"
        try:
            example = self._source[int(number)] if example is None else example
            name = example_id(example, name)
            return decode_image(example[self.image], self.feature), int(example[self.label]), name
        except Exception as error:  # array_record, protobuf and Pillow have each their own, and memory may be short
            file, record = self._locate(number)
            return BadExample(
                f"{file}, record {record}: example {number} of {self.split} ({name}) cannot be read: "
                f"{error_line(error)}"
            )

    def _locate(self, number: int) -> tuple[str, int]:
        for file in self._files:
            if number < file.take:
                return str(file.filename), file.skip + number
            number -= file.take
        raise IndexError(number)


@dataclass(frozen=True, eq=False)
class TfdsSplit:
    """A split whose images are read and decoded from disk when a batch is built.

    Attributes:
      records: the records on disk.
      numbers: (examples,) int64, the record of each example.
      targets: (examples,) int32.
      ids: (examples,) one stable name per example.
    """

    records: Records
    numbers: np.ndarray
    targets: np.ndarray
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the examples at `indices`: {"inputs": (batch, ...), "targets": (batch,)}.

        Raises:
          UserError: an example cannot be read, though it could when the dataset was loaded first.
        """
        inputs = np.empty((len(indices), *self.records.feature.shape), np.uint8)
        for row, example in enumerate(self.records.read(self.numbers[indices])):
            if isinstance(example, BadExample):
                raise UserError(f"{example}; restore the file or prepare the dataset again, then go on")
            inputs[row] = example[0]
        return {"inputs": inputs, "targets": self.targets[indices]}

    def id(self, index: int) -> str:
        """Returns the id of the example at `index`."""
        return str(self.ids[index])

    @property
    def nbytes(self) -> int:
        """Size that the whole split would have in memory, in bytes."""
        return len(self) * math.prod(self.records.feature.shape) + self.targets.nbytes

    def take(self, indices: np.ndarray) -> "TfdsSplit":
        """Returns the split of the examples at `indices`, in that order; nothing is read."""
        return TfdsSplit(self.records, self.numbers[indices], self.targets[indices], self.ids[indices])


def example_id(example: Mapping[str, Any], otherwise: str) -> str:
    """Returns the feature "id" of an example, where it has one."""
    found = example.get("id", otherwise)
    return found.decode() if isinstance(found, bytes) else str(found)
