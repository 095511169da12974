"""Raw rows to a table of answers: all that predicting, serving and monitoring need of a model, without Flax."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxflow.data.batching.padding import pad
from jaxflow.data.inference_inputs import InputEncoding, read_inputs
from jaxflow.errors import UserError
from jaxflow.schema import Schema

BATCH_SIZE = 256  # at most


@dataclass(frozen=True)
class Predictor:
    """A model as it answers: raw rows become inputs, these a distribution and an answer, and these a table.

    Attributes:
      schema: what the model was trained on.
      encoding: how rows of a table or texts become inputs; None where nothing was fitted.
      table: (schema, predictions) -> columns by name, as those of `jaxflow.problems.tables`.
      step: (batch, ...) inputs -> (batch, ...) predictions, which `table` takes: probabilities or values, and where
        each pixel or token has an answer, the answers.
    """

    schema: Schema
    encoding: InputEncoding | None
    table: Callable[[Schema, np.ndarray], Mapping[str, Sequence[object]]]
    step: Callable[[np.ndarray], np.ndarray]

    def predict_source(self, source: Path) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """Predicts the examples of a source, of which one block is in memory at a time.

        Args:
          source: as `read_inputs` takes it.

        Yields:
          The ids of a block's examples, and their predictions.

        Raises:
          UserError: the source does not hold what the model takes, or an output is not finite.
        """
        batch_size = None
        for inputs, ids in read_inputs(source, self.schema.inputs, self.encoding):
            # A power of two: few programs to compile, and a single image does not wait for 255 rows of padding.
            batch_size = batch_size or min(BATCH_SIZE, 1 << (len(inputs) - 1).bit_length())
            yield ids, self.predict(inputs, ids, batch_size)

    def predict(self, inputs: np.ndarray, ids: Sequence[str], batch_size: int) -> np.ndarray:
        """Predicts examples in batches of one size.

        Args:
          inputs: (examples, ...) as the model takes them.
          ids: a name of each, for errors.
          batch_size: rows of a batch; the last one is padded.

        Returns:
          (examples, ...) predictions.

        Raises:
          UserError: an output is not finite.
        """
        predictions = np.concatenate([
            np.asarray(self.step(pad({"inputs": inputs[first : first + batch_size]}, batch_size)["inputs"]))
            for first in range(0, len(inputs), batch_size)
        ])[: len(inputs)]  # fmt: skip
        wrong = np.flatnonzero(~np.isfinite(predictions).reshape(len(predictions), -1).all(-1))  # (example, output)
        if len(wrong):
            raise UserError(
                f"the model's output for {ids[wrong[0]]} is not finite ({len(wrong)} such); look at its inputs"
            )
        return predictions
