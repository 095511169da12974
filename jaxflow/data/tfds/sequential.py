"""Sequential access to a prepared TFDS dataset: TensorFlow reads formats without random access once, in order."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.reading.corrupt import error_line
from jaxflow.data.reading.images import decode_image
from jaxflow.data.tfds.records import BadExample, example_id
from jaxflow.errors import UserError
from jaxflow.schema import Feature


@dataclass(frozen=True)
class SequentialRecords:
    """The examples of one split, in the order of its files.

    Attributes:
      prepared, split, image, label, feature: as those of `Records`.
    """

    prepared: Path
    split: str
    image: str
    label: str
    feature: Feature

    def __len__(self) -> int:
        return self._builder.info.splits[self.split].num_examples

    @property
    def _builder(self) -> Any:
        import tensorflow_datasets as tfds

        return tfds.builder_from_directory(str(self.prepared))

    def check_files(self) -> None:
        """Checks that TensorFlow is installed to read them; TensorFlow itself checks whether they are whole.

        Raises:
          UserError: it is not installed.
        """
        if importlib.util.find_spec("tensorflow") is None:
            stored = self._builder.info.file_format.value
            raise UserError(
                f"{self.prepared} is stored as {stored}, which takes TensorFlow to read: pip install -e "
                "'.[tensorflow]', or prepare it with file_format='array_record'"
            )

    def read_all(self) -> Iterator[tuple[np.ndarray, int, str] | BadExample]:
        """Reads all examples.

        Yields:
          For each its image, uint8 of the feature's shape, its label, and its id; or what is wrong with it.

        Raises:
          UserError: a file cannot be read.
        """
        import tensorflow_datasets as tfds

        data = self._builder.as_dataset(
            self.split,
            decoders={self.image: tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(interleave_cycle_length=1),  # one file after the other
        )
        number = -1
        try:
            for number, example in enumerate(tfds.as_numpy(data)):
                yield self._decoded(number, example)
        except UserError:
            raise
        except Exception as error:  # TensorFlow's own
            raise UserError(
                f"{self.prepared} cannot be read past example {number} of {self.split}: {error_line(error)}; restore "
                "its files, or remove it and prepare the dataset again"
            ) from error

    def _decoded(self, number: int, example: dict[str, Any]) -> tuple[np.ndarray, int, str] | BadExample:
        name = example_id(example, f"{self.split}_{number}")
        try:
            return decode_image(example[self.image], self.feature), int(example[self.label]), name
        except Exception as error:  # Pillow's
            where = f"{self.prepared}, example {number} of {self.split} ({name})"
            return BadExample(f"{where} cannot be read: {error_line(error)}")
