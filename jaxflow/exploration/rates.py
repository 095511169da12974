"""A learning-rate range test: how the loss goes while the learning rate rises, step by step."""

import dataclasses
import logging
import math
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxflow.console import track
from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment, load_data
from jaxflow.optimizers.schedules import Constant
from jaxflow.ranges import Fraction
from jaxflow.training.parallel.memory import memory_error
from jaxflow.training.prepare import prepare_training

logger = logging.getLogger("jaxflow")
# Of the loss, from step to step: the moving average's decay.
SMOOTHING = 0.95
# The test ends where the smoothed loss is as many times its lowest, as far as that lies above 0.
DIVERGED = 4.0
# The suggested rate, as a fraction of the one at which the smoothed loss was lowest.
SAFETY = 0.1


@dataclass(frozen=True)
class Ramp(Constant):
    """A learning rate that rises exponentially to its highest."""

    first: Fraction = 1.0
    """Fraction of the highest learning rate that the first step has."""

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor after a fraction of the steps past warm-up, in [0, 1]."""
        return self.first ** (1 - progress)


@dataclass(frozen=True, eq=False)
class RateTest:
    """What a learning-rate range test gave.

    Attributes:
      rates: learning rate of each step, (steps,) float64.
      losses: loss of each step's batch before the step, (steps,) float64.
      smoothed: their debiased moving average, (steps,) float64.
      suggestion: a tenth of the rate at which the smoothed loss was lowest.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def find_rate(
    experiment: Experiment,
    *,
    steps: int = 200,
    minimum: float = 1e-6,
    maximum: float = 10.0,
    dataset: Dataset | None = None,
) -> RateTest:
    """Trains for a few steps with a learning rate that rises exponentially, and suggests one; nothing is written.

    Args:
      experiment: its own learning rate and schedule are left aside.
      steps: most steps; the test ends where the loss diverges.
      minimum: learning rate of the first step.
      maximum: learning rate that the ramp rises to.
      dataset: the experiment's data, if it is loaded already.

    Returns:
      Rates, losses and the suggestion.

    Raises:
      UserError: the range is none, the experiment does not fit its data, or the loss was never finite.

    Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017, section 3.3.
    """
    if not 0 < minimum < maximum < math.inf or steps < 10:
        raise UserError(
            f"a range test of {steps} steps from {minimum:g} to {maximum:g} is none; take 10 steps or more, and "
            "0 < minimum < maximum"
        )
    dataset = dataset or load_data(experiment)
    optimizer = _ramped(experiment.optimizer, minimum, maximum)
    # In the middle of the last step: whole numbers of steps are rounded up.
    epochs = (steps - 0.5) * experiment.batch_size / len(dataset.splits["train"])
    session = prepare_training(dataclasses.replace(experiment, optimizer=optimizer, epochs=epochs), dataset)
    program, pipeline, losses = session.program, session.pipeline, []
    with memory_error(program.advice), closing(pipeline):
        train_steps, totals, state = program.compile_train_steps(pipeline), program.empty_metrics(), session.init()
        for step in track(range(steps), "learning-rate range test"):
            items = pipeline.step_inputs(step, 1)
            state, totals, metrics = train_steps(state, totals, pipeline.device_data, items, 1)
            losses.append(float(metrics["loss"].compute()))
            if _diverged(np.array(losses)):
                break
    rates = np.array([program.learning_rate(step) for step in range(len(losses))])
    return _judged(rates, np.array(losses))


def _ramped(optimizer: Any, minimum: float, maximum: float) -> Any:
    """Returns an optimizer, or one that holds another, with the ramp in place of its learning rate and schedule."""
    if "schedule" in {field.name for field in dataclasses.fields(optimizer)}:
        return dataclasses.replace(optimizer, learning_rate=maximum, schedule=Ramp(first=minimum / maximum))
    return dataclasses.replace(optimizer, optimizer=_ramped(optimizer.optimizer, minimum, maximum))


def smooth(losses: np.ndarray) -> np.ndarray:
    """Returns the debiased exponential moving average of (steps,) losses, (steps,) float64."""
    average, averages = 0.0, []
    for count, loss in enumerate(losses, 1):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        averages.append(average / (1 - SMOOTHING**count))
    return np.array(averages)


def _diverged(losses: np.ndarray) -> bool:
    """Returns whether the loss is not finite, or far above the lowest that it was."""
    smoothed = smooth(losses)
    lowest = smoothed.min()
    return not math.isfinite(losses[-1]) or (lowest > 0 and smoothed[-1] > DIVERGED * lowest)


def _judged(rates: np.ndarray, losses: np.ndarray) -> RateTest:
    """Returns the test's outcome; a last loss that is not finite is left out."""
    finite = np.isfinite(losses)
    rates, losses = rates[finite], losses[finite]
    if not len(losses):
        raise UserError("the loss of the first step is not finite; look at the data (explore), or at the model")
    smoothed = smooth(losses)
    lowest = int(smoothed.argmin())
    if lowest == 0:
        logger.warning("the loss only rose: take a smaller minimum")
    if lowest == len(losses) - 1:
        logger.warning("the loss was still falling at the highest learning rate: take a larger maximum")
    return RateTest(rates, losses, smoothed, SAFETY * float(rates[lowest]))
