"""One value or several for each example."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import clu.metrics
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError, listed
from jaxflow.problems import tables
from jaxflow.problems.losses import Loss, SquaredError, fit_loss
from jaxflow.problems.metrics import MAE, RMSE, Metric, check_choices, score
from jaxflow.ranges import Finite, Positive, check_ranges
from jaxflow.schema import Schema, blurred


@dataclass(frozen=True)
class Regression:
    """Values, on whatever scale they come: the model learns them standardised, by the training split.

    The model's outputs, and so the loss, are in standard deviations from the mean: learning rates mean the same on
    every scale. Predictions and the other metrics are in the data's own units. `train` calls `fit`; a script without it
    writes Regression().fit(train.targets), or leaves targets as they are. A fitted `shift` is subtracted on the host,
    by `jaxflow.data.dataset.shifted_split`: the program takes targets less it, and returns predictions less it.
    """

    loss: Loss = SquaredError()
    """What is minimised: a function of (batch, outputs) standardised outputs and targets."""

    metrics: tuple[Metric, ...] = (RMSE(), MAE())
    """What is measured beside the loss."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    mean: tuple[Finite, ...] | None = None
    """What is subtracted from each target; None for its mean in the training split."""

    std: tuple[Positive, ...] | None = None
    """What each target is then divided by; None for its standard deviation in the training split."""

    shift: tuple[Finite, ...] | None = None
    """What the host subtracts from each target, in float64, before it becomes float32, and adds to predictions; None
    for its mean in the training split where float32 would lose digits, as of seconds since 1970, else for 0."""

    def __post_init__(self) -> None:
        check_choices(self, "Huber(delta=1.0)", "MAE()")
        check_ranges(self)

    def fit(self, targets: np.ndarray) -> "Regression":
        """Fits shift, mean and standard deviation to the training split, where they are not given, and the loss.

        Args:
          targets: (examples, outputs) training targets.

        Returns:
          The problem with all three; a target that never changes is divided by 1. What it computes on, its mean
          included, are then the targets less the shift.
        """
        values = np.asarray(targets, np.float64).reshape(len(targets), -1)  # (example, output)
        shift = np.where(blurred(values), values.mean(0), 0.0) if self.shift is None else np.array(self.shift)
        columns = (values - shift).astype(np.float32).astype(np.float64)  # as the program sees them
        mean, std = columns.mean(0), columns.std(0)
        std = np.where(std > 1e-7 * np.abs(mean), std, 1.0)  # less is rounding
        mean = mean if self.mean is None else np.array(self.mean) - shift
        std = std if self.std is None else np.array(self.std)
        standardized = ((columns - mean) / std).astype(np.float32)
        fitted = {"mean": mean, "std": std} | ({"shift": shift} if shift.any() else {})
        return dataclasses.replace(
            self, loss=fit_loss(self.loss, standardized), **{name: tuple(row.tolist()) for name, row in fitted.items()}
        )

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs: one for each value of the data's schema.

        Raises:
          UserError: the target is a class, or `mean` or `std` are for another number of targets.
        """
        names = schema.target.names
        if schema.target.several:
            raise UserError(
                f"problem Regression predicts numbers, and the targets ({listed(names)}) are classes or labels; say "
                "data.task='number' if they are numbers, or use a problem of your own"
            )
        if schema.target.kind != "number":
            way = "use problem=Classification()"
            if all(map(_is_number, names)):
                way = f"read it as a number (--data.task=number; of arrays, numbers=(NAME,)), or {way}"
            raise UserError(
                f"problem Regression predicts numbers, and the target is one of {len(names)} classes; {way}"
            )
        for field in ("mean", "std", "shift"):
            given = getattr(self, field)
            if given is not None and len(given) != len(names):
                raise UserError(f"problem.{field} has {len(given)} values for {len(names)} targets; give one for each")
        return len(names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example.

        Args:
          outputs: (batch, outputs) standardised values.
          targets: (batch, outputs) values in the data's units.

        Returns:
          (batch,) float32 losses of the standardised values.
        """
        mean, std = self._scale()
        # Targets (batch,) would otherwise broadcast over outputs (batch, 1), without a word.
        return self.loss(outputs.astype(jnp.float32), (targets.reshape(outputs.shape) - mean) / std)

    def errors(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns predicted minus true values in the data's units, (batch, outputs) float32; arguments as in `losses`.

        They come of the standardised values: predictions far from 0 would lose digits.
        """
        mean, std = self._scale()
        return (outputs.astype(jnp.float32) - (targets.reshape(outputs.shape) - mean) / std) * std

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts (batch, outputs) standardised values to the data's units; they take the place of a distribution."""
        mean, std = self._scale()
        return outputs * std + mean

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

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the best constants: the training targets' mean by rmse, their median by mae."""
        squared = self.forecast_errors(train_targets.mean(0, dtype=np.float64), targets)
        absolute = self.forecast_errors(np.median(train_targets, axis=0), targets)
        return {"rmse": squared["rmse"], "mae": absolute["mae"]}

    def forecast_errors(self, forecasts: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores values that something other than the model predicts.

        Args:
          forecasts: (examples, outputs) values, or what broadcasts to them.
          targets: (examples, outputs).

        Returns:
          Their rmse and mae.
        """
        errors = targets - forecasts
        return {"rmse": float(np.sqrt(np.square(errors).mean())), "mae": float(np.abs(errors).mean())}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.value_table`."""
        return tables.value_table(schema, predictions, targets)

    def _scale(self) -> tuple[jax.Array, jax.Array]:
        """Returns mean and standard deviation, (1, outputs) float32; 0 and 1 where nothing was fitted."""
        mean, std = (0.0,) if self.mean is None else self.mean, (1.0,) if self.std is None else self.std
        return jnp.array([mean], jnp.float32), jnp.array([std], jnp.float32)


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
