"""A trained model beside the data that it is explained on."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxflow.data.dataset import Dataset, origins_of, restored_values
from jaxflow.evaluation.explanations.batches import in_batches
from jaxflow.schema import Split
from jaxflow.training.trained import Trained

# Rows that a model is given at once where its outputs alone are needed.
BATCH = 256


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained model, on one device, and its data.

    Attributes:
      model: with its sizes filled in.
      problem: fitted to the training targets.
      variables: of the model, on the host.
      transform: the fitted preprocessing.
      dataset: the data.
      shift: as `Regression.shift`.
    """

    model: Any
    problem: Any
    variables: Any
    transform: Callable[[Any], Any]
    dataset: Dataset
    shift: tuple[float, ...] | None = None

    @property
    def test(self) -> Split:
        """The test split."""
        return self.dataset.splits["test"]

    def apply(self, variables: Any, inputs: jax.Array) -> jax.Array:
        """Returns the raw outputs of preprocessed inputs; `variables` are an argument so that they are no constants."""
        return self.model.apply(variables, inputs, train=False)

    def prepared(self, inputs: np.ndarray) -> np.ndarray:
        """Returns raw inputs, (examples, ...), as the model takes them."""
        return in_batches(jax.jit(self.transform), inputs, BATCH)

    @functools.cached_property
    def _outputs(self) -> Callable[..., jax.Array]:
        return jax.jit(lambda variables, inputs: self.apply(variables, self.transform(inputs)))

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the raw outputs of raw inputs, (examples, ...)."""
        return in_batches(lambda rows: self._outputs(self.variables, rows), inputs, BATCH)

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the answers to raw outputs, (examples, ...)."""
        return np.asarray(self.problem.answer(self.problem.distribution(outputs)))

    def values(self, outputs: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Returns the predicted values of examples of the test split, (examples, values), in the data's units."""
        return restored_values(self.answers(outputs), self.shift, origins_of(self.test, indices))


def subject_of(trained: Trained, dataset: Dataset) -> Subject:
    """Returns the model of a trained run, all of whose state this process reaches."""
    program = trained.program
    variables = jax.device_get(trained.state.variables())
    transform = program.structure.transform
    return Subject(program.model, program.experiment.problem, variables, transform, dataset, program.target_shift)
