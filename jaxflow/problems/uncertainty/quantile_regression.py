"""Quantiles of one value or several for each example."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_metrics, check_suited
from jaxflow.problems.losses.values import Pinball as PinballLoss
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_QUANTILES
from jaxflow.problems.metrics.intervals import Coverage, Pinball
from jaxflow.problems.scaled_values import ScaledValues
from jaxflow.ranges import Probability, check_ranges
from jaxflow.schema import Schema


@dataclass(frozen=True)
class QuantileRegression(ScaledValues):
    """Quantiles of values: below that of level 0.9 lie nine of ten values. `ScaledValues` says how they are learned.

    What is minimised is the pinball loss. Quantiles never cross: an example's outputs are sorted, which brings no scale
    of its own and never makes the loss larger.

    Source: V. Chernozhukov, I. Fernandez-Val and A. Galichon, Quantile and Probability Curves Without Crossing,
    Econometrica 78, 2010.
    """

    quantiles: tuple[Probability, ...] = (0.1, 0.5, 0.9)
    """Levels of the quantiles, ascending."""

    metrics: tuple[Metric, ...] = (Pinball(), Coverage())
    """What is measured beside the loss; the interval of `Coverage` is from the first level to the last."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_metrics(self, "Pinball()")
        check_suited(self, OF_QUANTILES)
        check_ranges(self)
        levels = self.quantiles
        if not levels or any(low >= high for low, high in pairwise(levels)):
            raise UserError(f"problem.quantiles is {levels}; give one level or several, ascending, each once")

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: for each value one for each level.

        Raises:
          UserError: as `num_values`.
        """
        return self.num_values(schema) * len(self.quantiles)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, values * levels), all levels of the first value first.
          targets: (batch, values) in the data's units.

        Returns:
          (batch,) float32 losses of the standardised values.
        """
        return PinballLoss(self.quantiles)(self._sorted(outputs), self.standardized(targets))

    def level_losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each value and level, (batch, values, levels); arguments as in `losses`."""
        return PinballLoss(self.quantiles).each(self._sorted(outputs), self.standardized(targets))

    def interval(self, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the first and the last quantile of each value, (batch, values) each, standardised."""
        levels = self._sorted(outputs)
        return levels[..., 0], levels[..., -1]

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the middle quantile minus the true value in the data's units, (batch, values) float32."""
        _, std = self.scale()
        return (self._sorted(outputs)[..., self._middle] - self.standardized(targets)) * std

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, values * levels) outputs to (batch, levels, values) quantiles in the data's units."""
        mean, std = self.scale()
        return self._sorted(outputs).swapaxes(1, 2) * std[:, None] + mean[:, None]

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the quantile whose level is next to one half, (batch, values), of (batch, levels, values)."""
        return distribution[:, self._middle]

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of raw outputs: the quantiles, (batch, levels, values) in the data's units."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the training targets' quantiles by pinball loss."""
        return self._scores(np.quantile(np.asarray(train_targets, np.float64), self.quantiles, axis=0), targets)

    def forecast_errors(self, forecasts: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores values that something other than the model predicts; they stand for the quantiles of all levels.

        Args:
          forecasts: (examples, values), or what broadcasts to them.
          targets: (examples, values).

        Returns:
          Their pinball loss in the data's units.
        """
        return self._scores(np.asarray(forecasts)[None], targets)

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as columns: those of `tables.value_table`, then "q10" and the like for each value."""
        columns = {f"q{100 * level:g}": predictions[:, i] for i, level in enumerate(self.quantiles)}
        return tables.interval_table(schema, predictions[:, self._middle], columns, targets)

    @property
    def _middle(self) -> int:
        return int(np.abs(np.array(self.quantiles) - 0.5).argmin())

    def _sorted(self, outputs: jax.Array) -> jax.Array:
        """Returns raw outputs as standardised quantiles, (batch, values, levels) float32, ascending."""
        return jnp.sort(outputs.astype(jnp.float32).reshape(len(outputs), -1, len(self.quantiles)))

    def _scores(self, quantiles: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores (levels or 1, examples or none, values) quantiles in float64."""
        levels = np.array(self.quantiles).reshape(-1, 1, 1)
        quantiles = quantiles if quantiles.ndim == 3 else quantiles[:, None]  # (level, example or 1, value)
        errors = targets[None] - quantiles
        return {"pinball": float(np.maximum(levels * errors, (levels - 1) * errors).mean())}
