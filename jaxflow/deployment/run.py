"""A trained run as a value: what it predicts, how it came to be, and what it consists of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn
import numpy as np

from jaxflow.data.checks import explain_tokens, unknown_tokens
from jaxflow.deployment.from_run import predictor_of
from jaxflow.deployment.predictor import Predictor
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.file_io import storage_error
from jaxflow.runs.metrics_log import metric_columns, read_metrics
from jaxflow.runs.results import Results, read_results
from jaxflow.schema import Feature, Features
from jaxflow.training.trained import read_trained


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A trained run, as `load_run` reads it.

    Attributes:
      workdir: its folder.
      experiment: what was trained.
      step: the step of the checkpoint that was read.
      model: the network with its sizes filled in: `run.model.apply(run.variables, inputs, train=False)` gives raw
        outputs of inputs that were transformed as `experiment.preprocess` says.
      variables: what the model is evaluated with: "params", averaged where the run does so, and batch statistics.
      results: what results.json holds.
      history: what metrics.jsonl holds, `history["train"]["loss"]` and so on: (lines,) arrays, "step" and "epoch" among
        them.
      predictor: what `predict` asks.
    """

    workdir: Path
    experiment: Experiment
    step: int
    model: nn.Module
    variables: Mapping[str, Any]
    results: Results
    history: Mapping[str, Mapping[str, np.ndarray]]
    predictor: Predictor

    def __repr__(self) -> str:
        return f"Run({str(self.workdir)!r}: {type(self.model).__name__} at step {self.step})"

    @property
    def params(self) -> Any:
        """The trained parameters, a tree of arrays; `init_state(params=...)` takes them for fine-tuning."""
        return self.variables["params"]

    def predict(self, inputs: Any) -> np.ndarray:
        """Predicts examples from arrays.

        Args:
          inputs: (examples, ...) as the data's source gives them, before `preprocess`; a dict of such where there are
            several inputs.

        Returns:
          (examples, classes) probabilities, (examples, values) in the data's units, or each pixel's or token's class.

        Raises:
          UserError: the model takes inputs of another shape or type, or an output is not finite.
        """
        if isinstance(inputs, str | Path):
            raise UserError(
                f"run.predict takes arrays; jaxflow.predict({str(self.workdir)!r}, {str(inputs)!r}) reads files"
            )
        feature = self.predictor.schema.inputs
        if isinstance(feature, Features):
            arrays: Any = {name: _checked(inputs[name], part, name) for name, part in feature.parts}
            count = len(next(iter(arrays.values())))
        else:
            arrays = _checked(inputs, feature, "inputs")
            count = len(arrays)
        return self.predictor.predict(arrays, [str(row) for row in range(count)])


def load_run(workdir: str | Path, checkpoint: str | None = None) -> Run:
    """Reads a trained run; the data it was trained on is not needed.

    Args:
      workdir: the run folder.
      checkpoint: "last", "best" (by validation) or a step; None for the last, of a run with early stopping the best.

    Returns:
      The run.

    Raises:
      UserError: there is no such run or checkpoint.
    """
    folder = Path(workdir)
    with storage_error(folder):
        trained = read_trained(folder, checkpoint)
        results, history = read_results(folder), metric_columns(read_metrics(folder))
    variables, model = trained.state.variables(), trained.program.model
    return Run(folder, trained.experiment, trained.step, model, variables, results, history, predictor_of(trained))


def _checked(inputs: Any, feature: Feature, name: str) -> np.ndarray:
    """Returns inputs as the model takes them; raises UserError if they are of another shape or kind."""
    array = np.asarray(inputs)
    if array.shape[1:] != feature.shape or not len(array):
        shape = ", ".join(map(str, feature.shape))
        raise UserError(f"{name} have shape {array.shape}; the model takes (examples, {shape})")
    if (wrong := unknown_tokens(array, feature)).any():
        raise UserError(f"{name}, example {wrong.argmax()} {explain_tokens(array[wrong.argmax()], feature)}")
    if array.dtype == feature.dtype:
        return array
    converted = array.astype(feature.dtype) if array.dtype.kind in "biuf" else array
    same_kind = np.can_cast(array.dtype, feature.dtype, "same_kind")
    if not (same_kind or (array.dtype.kind in "iu" and np.array_equal(converted, array))):
        raise UserError(f"{name} are {array.dtype}; the model was trained on {feature.dtype}, in the same units")
    return converted
