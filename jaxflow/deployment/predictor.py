"""Raw rows to a table of answers: all that predicting, serving and monitoring need of a model, without Flax."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.batching.padding import pad
from jaxflow.data.inference_inputs import InputEncoding, read_inputs
from jaxflow.errors import UserError
from jaxflow.schema import Schema, map_arrays

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
      follow_links: whether symbolic links in a folder of new files are followed, as in that of the training files.
      is_mask: whether a file of such a folder, by its path below it, is a mask, which is no input; None where there are
        none.
    """

    schema: Schema
    encoding: InputEncoding | None
    table: Callable[[Schema, np.ndarray], Mapping[str, Sequence[object]]]
    step: Callable[[Any], Any]
    follow_links: bool = False
    is_mask: Callable[[str], bool] | None = None

    def predict_source(self, source: Path, bad: list[str] | None = None) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """Predicts the examples of a source, of which one block is in memory at a time.

        Args:
          source: as `read_inputs` takes it.
          bad: gets what is wrong with each example that cannot be read or predicted, which is left out; None raises it
            instead.

        Yields:
          The ids of a block's examples, and their predictions.

        Raises:
          UserError: the source does not hold what the model takes, an example cannot be predicted, or none can.
        """
        batch_size, predicted = None, 0
        for inputs, ids in read_inputs(source, self.schema.inputs, self.encoding, self.follow_links, bad, self.is_mask):
            batch_size = batch_size or _batch_size(len(ids))
            if bad is None:
                predictions = self.predict(inputs, ids, batch_size)
            else:
                predictions = self._predict(inputs, len(ids), batch_size)
                finite = _finite(predictions)
                bad += [f"the model's output for {ids[row]} is not finite" for row in np.flatnonzero(~finite)]
                ids, predictions = [ids[row] for row in np.flatnonzero(finite)], predictions[finite]
            predicted += len(ids)
            if len(ids):
                yield ids, predictions
        if bad and not predicted:
            raise UserError(f"none of the {len(bad)} examples of {source} can be predicted: {bad[0]}")

    def predict(self, inputs: Any, ids: Sequence[str], batch_size: int | None = None) -> np.ndarray:
        """Predicts examples in batches of one size.

        Args:
          inputs: (examples, ...) as the model takes them, a dict of such where it takes several.
          ids: a name of each, for errors.
          batch_size: rows of a batch; the last one is padded. None goes by how many examples there are.

        Returns:
          (examples, ...) predictions.

        Raises:
          UserError: an output is not finite.
        """
        predictions = self._predict(inputs, len(ids), batch_size or _batch_size(len(ids)))
        wrong = np.flatnonzero(~_finite(predictions))
        if len(wrong):
            raise UserError(
                f"the model's output for {ids[wrong[0]]} is not finite ({len(wrong)} such); look at its inputs"
            )
        return predictions

    def _predict(self, inputs: Any, count: int, batch_size: int) -> np.ndarray:
        firsts = range(0, count, batch_size)
        parts = [np.asarray(self.step(_batch(inputs, first, batch_size))) for first in firsts]
        return np.concatenate(parts)[:count]


def _batch_size(count: int) -> int:
    """Returns a power of two: few programs to compile, and a single image does not wait for 255 rows of padding."""
    return min(BATCH_SIZE, 1 << (count - 1).bit_length())


def _finite(predictions: np.ndarray) -> np.ndarray:
    """Returns whether all outputs of each example are finite, (examples,)."""
    return np.isfinite(predictions).reshape(len(predictions), -1).all(-1)


def _batch(inputs: Any, first: int, size: int) -> Any:
    rows = map_arrays(lambda leaf: leaf[first : first + size], inputs)
    return pad({"inputs": rows}, size)["inputs"]
