"""One value or several for each example."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.attributes import check_choices, check_suited
from jaxflow.problems.losses.base import Loss
from jaxflow.problems.losses.families import VALUE_LOSSES
from jaxflow.problems.losses.values import SquaredError
from jaxflow.problems.metrics import MAE, RMSE
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.families import OF_VALUES
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.scaled_values import ScaledValues
from jaxflow.problems.target_transforms import TRANSFORMS, TargetTransform, fit_quantiles, restored, transformed
from jaxflow.ranges import Finite, check_ranges
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Regression(ScaledValues):
    """Values, on whatever scale they come: `ScaledValues` says how they are learned."""

    loss: Loss = SquaredError()
    """What is minimised: a function of (batch, outputs) standardised outputs and targets."""

    metrics: tuple[Metric, ...] = (RMSE(), MAE())
    """What is measured beside the loss."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`; of several targets
    one's own, such as "rmse/price"."""

    transform: TargetTransform | tuple[TargetTransform, ...] = "none"
    """What is done to targets before they are standardised, of all or of each, and undone in predictions. log:
    sign(y) log(1 + |y|), for what spans orders of magnitude; quantile: the normal deviate of its rank in the training
    split, for any distribution. What a series has `relative` to its last value is transformed as such."""

    quantiles: tuple[tuple[Finite, ...], ...] | None = None
    """Of each target those of the training split, less the shift, for transform "quantile"; None finds them."""

    columns: tuple[str, ...] | None = None
    """The column that each target is a value of: metrics are of one column each, and take targets of one name (and
    unit) together. None for the data's names; of a series the columns, whatever the step ahead."""

    def __post_init__(self) -> None:
        check_choices(self, "Huber(delta=1.0)", "MAE()")
        check_suited(self, OF_VALUES, VALUE_LOSSES)
        check_ranges(self)
        given = (self.transform,) if isinstance(self.transform, str) else self.transform
        if not isinstance(given, tuple) or not set(given) <= {*TRANSFORMS}:
            raise UserError(
                f"problem.transform is {self.transform!r}; it is 'none', 'log' or 'quantile', or a tuple of one each"
            )

    def fit_scale(self, values: np.ndarray, shift: np.ndarray, moved: np.ndarray) -> "Regression":
        """Fits the quantiles, then mean and standard deviation of transformed values; arguments as of `ScaledValues`.

        Raises:
          UserError: a target of transform "log" has a shift, which would change what its logarithm is.
        """
        transforms = self._transforms(values.shape[1])
        if logs := [place for place, each in enumerate(transforms) if each == "log" and shift[place]]:
            raise UserError(
                f"problem.transform is 'log', and target {logs[0] + 1} of {len(transforms)} is learned less "
                f"{shift[logs[0]]:g} (problem.shift), without which float32 would lose its digits; use 'quantile'"
            )
        quantiles = self.quantiles or tuple(
            fit_quantiles(column) if each == "quantile" else () for column, each in zip(values.T, transforms)
        )
        fitted = dataclasses.replace(self, quantiles=quantiles) if "quantile" in transforms else self
        untouched = np.array([each == "none" for each in transforms])
        return super(Regression, fitted).fit_scale(
            transformed(values, transforms, quantiles), shift, np.where(untouched, moved, 0.0)
        )

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one for each value of the data's schema.

        Raises:
          UserError: as `num_values`; or `columns` are of another number of targets.
        """
        count = self.num_values(schema)
        for field in ("transform", "quantiles", "columns"):
            given = getattr(self, field)
            if isinstance(given, tuple) and len(given) != count:
                raise UserError(f"problem.{field} has {len(given)} values for {count} targets; give one for each")
        return count

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, outputs) standardised values.
          targets: (batch, outputs) values in the data's units.

        Returns:
          (batch,) float32 losses of the standardised values.
        """
        return self.loss(outputs.astype(np.float32), self.standardized(targets))

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns predicted minus true values in the data's units, (batch, outputs) float32; arguments as in `losses`.

        Without a transform they come of the standardised values: predictions far from 0 would lose digits.
        """
        plain = (outputs.astype(np.float32) - self.standardized(targets)) * self.scale()[1]
        transforms = self._transforms(outputs.shape[1])
        if set(transforms) == {"none"}:
            return plain
        errors = self.distribution(outputs) - targets.reshape(outputs.shape)
        return jnp.where(np.array([each == "none" for each in transforms]), plain, errors)

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, outputs) standardised values to the data's units; they take the place of a distribution."""
        mean, std = self.scale()
        transforms = self._transforms(outputs.shape[1])
        return restored(outputs * std + mean, transforms, self.quantiles or ((),) * len(transforms))

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns (batch, outputs) values as they are."""
        return distribution

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of (batch, outputs) standardised values: the values in the data's units."""
        return self.distribution(outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def part(self, places: np.ndarray) -> "Regression":
        """Returns the problem of some of the outputs alone, as metrics of one column see it."""
        fields = {name: getattr(self, name) for name in ("transform", "mean", "std", "shift", "quantiles")}
        each = {name: values for name, values in fields.items() if isinstance(values, tuple)}
        some: dict[str, Any] = {name: tuple(values[place] for place in places) for name, values in each.items()}
        return dataclasses.replace(self, columns=None, selection_metric="loss", **some)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the best constants: the training targets' mean by rmse, their median by mae."""
        squared = self.forecast_errors(train_targets.mean(0, dtype=np.float64), targets)
        absolute = self.forecast_errors(np.median(train_targets, axis=0), targets)
        return {name: (squared if name.startswith("rmse") else absolute)[name] for name in squared}

    def forecast_errors(self, forecasts: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores values that something other than the model predicts.

        Args:
          forecasts: (examples, outputs) values, or what broadcasts to them.
          targets: (examples, outputs).

        Returns:
          Their rmse and mae, of several columns each one's.
        """
        errors = (targets - forecasts).reshape(len(targets), -1)  # (example, output)
        parts = outputs_of_columns(self.columns) or {"": list(range(errors.shape[1]))}
        rmse = {f"rmse{end}": float(np.sqrt(np.square(errors[:, some]).mean())) for end, some in parts.items()}
        return rmse | {f"mae{end}": float(np.abs(errors[:, some]).mean()) for end, some in parts.items()}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.value_table`."""
        return tables.value_table(schema, predictions, targets)

    def transformed(self, values: jax.Array) -> jax.Array:
        """Returns (batch, values) targets as they are standardised."""
        transforms = self._transforms(values.shape[1])
        return transformed(values, transforms, self.quantiles or ((),) * len(transforms))

    def _transforms(self, outputs: int) -> tuple[TargetTransform, ...]:
        """Returns the transform of each output."""
        return self.transform if isinstance(self.transform, tuple) else (self.transform,) * outputs
