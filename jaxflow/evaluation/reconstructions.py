"""A few reconstructions of an evaluation, stored beside its predictions: of all there are errors alone."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxflow.evaluation.report.errors.base import ErrorData
from jaxflow.evaluation.report.errors.reconstructions import FILE, Reconstructions
from jaxflow.file_io import replacing
from jaxflow.schema import Split
from jaxflow.training.program import Program


def write_reconstructions(folder: Path, program: Program, variables: Any, test: Split, errors: ErrorData) -> None:
    """Writes the inputs and reconstructions of a few examples, the worst among them; nothing for other problems.

    Args:
      folder: of the predictions.
      program: of the run.
      variables: what the model is evaluated with; where several processes hold them, nothing is written.
      test: the test split.
      errors: what collected its errors.
    """
    if not isinstance(errors, Reconstructions) or jax.process_count() > 1:
        return
    index = errors.chosen()
    outputs = np.asarray(program.compile_predict_step(raw=True)(variables, test.rows(index)["inputs"]), np.float32)
    with replacing(folder / FILE) as fresh, fresh.open("wb") as file:
        np.savez(file, index=index, outputs=outputs)
