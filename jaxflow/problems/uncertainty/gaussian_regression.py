"""A normal distribution of one value or several for each example."""

from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.problems import tables
from jaxflow.problems.attributes import check_choices, check_suited
from jaxflow.problems.losses.base import Loss
from jaxflow.problems.losses.values import LOG_2_PI, GaussianNLL
from jaxflow.problems.metrics import RMSE
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_GAUSSIANS
from jaxflow.problems.metrics.intervals import NLL, Coverage
from jaxflow.problems.scaled_values import ScaledValues
from jaxflow.ranges import check_ranges
from jaxflow.schema import Schema

DEFAULT_LOSS = GaussianNLL()
# The normal distribution has 95% of its weight within so many standard deviations of its mean.
REACH = 1.959964
# Standard deviations are no less, in those of the training targets: the likelihood of a point has no bound.
MIN_STD = 1e-3
# softplus of it is 1: an output of 0 stands for the training targets' own standard deviation.
OFFSET = 0.5413249


@dataclass(frozen=True)
class GaussianRegression(ScaledValues):
    """Mean and standard deviation of each value, for each example. `ScaledValues` says how they are learned.

    Source: D. A. Nix and A. S. Weigend, Estimating the Mean and Variance of the Target Probability Distribution,
    ICNN 1994.
    """

    loss: Loss = DEFAULT_LOSS
    """What is minimised: a function of (batch, values, 2) standardised means and standard deviations, and targets."""

    metrics: tuple[Metric, ...] = (NLL(), RMSE(), Coverage())
    """What is measured beside the loss; the interval of `Coverage` is that of 95%."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "GaussianNLL()", "NLL()")
        check_suited(self, OF_GAUSSIANS, (GaussianNLL,))
        check_ranges(self)

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: two for each value.

        Raises:
          UserError: as `num_values`.
        """
        return self.num_values(schema) * 2

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, values * 2), for each value its mean and what its standard deviation is the softplus of.
          targets: (batch, values) in the data's units.

        Returns:
          (batch,) float32 losses of the standardised values.
        """
        return self.loss(self._parameters(outputs), self.standardized(targets))

    def negative_log_likelihoods(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns those of the values in the data's units, (batch, values) in nats; arguments as in `losses`."""
        parameters, (_, std) = self._parameters(outputs), self.scale()
        one = self.standardized(targets)[..., None]  # (batch, value, 1)
        return GaussianNLL()(parameters[..., None, :], one) + jnp.log(std)

    def interval(self, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the ends of each value's interval of 95%, (batch, values) each, standardised."""
        mean, std = jnp.moveaxis(self._parameters(outputs), -1, 0)
        return mean - REACH * std, mean + REACH * std

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns predicted mean minus true value in the data's units, (batch, values) float32."""
        return (self._parameters(outputs)[..., 0] - self.standardized(targets)) * self.scale()[1]

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts raw outputs to (batch, 3, values) in the data's units: the mean within its interval of 95%."""
        mean, std = self.scale()
        low, high = self.interval(outputs)
        ends = jnp.stack([low, self._parameters(outputs)[..., 0], high], axis=1)  # (batch, 3, value)
        return ends * std[:, None] + mean[:, None]

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the means, (batch, values), of (batch, 3, values)."""
        return distribution[:, 1]

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of raw outputs: means within intervals of 95%, (batch, 3, values)."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the normal distribution of the training targets."""
        train = np.asarray(train_targets, np.float64)
        mean, std = train.mean(0), train.std(0)
        std = np.where(std > 1e-7 * np.abs(mean), std, 1.0)  # as what targets are divided by
        losses = 0.5 * np.square((targets - mean) / std) + np.log(std) + 0.5 * LOG_2_PI
        return {"nll": float(losses.mean()), **self.forecast_errors(mean, targets)}

    def forecast_errors(self, forecasts: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores values that something other than the model predicts, as `Regression.forecast_errors`, by rmse."""
        return {"rmse": float(np.sqrt(np.square(targets - forecasts).mean()))}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as columns: those of `tables.value_table`, then "std", "low" and "high"."""
        low, mean, high = predictions[:, 0], predictions[:, 1], predictions[:, 2]
        columns = {"std": (high - low) / (2 * REACH), "low": low, "high": high}
        return tables.interval_table(schema, mean, columns, targets)

    def _parameters(self, outputs: jax.Array) -> jax.Array:
        """Returns raw outputs as standardised means and standard deviations, (batch, values, 2) float32."""
        mean, width = jnp.moveaxis(outputs.astype(jnp.float32).reshape(len(outputs), -1, 2), -1, 0)
        return jnp.stack([mean, MIN_STD + jax.nn.softplus(width + OFFSET)], axis=-1)
