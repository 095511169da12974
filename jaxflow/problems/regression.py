"""One number or several for each example."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems import tables
from jaxflow.problems.losses import huber
from jaxflow.problems.running_metrics import Mean, RootMean
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Regression:
    """Numbers, on whatever scale they come: the model learns them standardised, by the training split.

    The model's outputs, and so the loss, are in standard deviations from the mean: learning rates mean the same on
    every scale. Predictions and the other metrics are in the data's own units. `train` calls `fit`; a script without it
    writes Regression().fit(train.targets), or leaves targets as they are.
    """

    loss: Literal["squared", "absolute", "huber"] = "squared"
    """What is minimised: the square of the error, its size, or its square up to `delta` and its size from there on."""
    delta: float = 1.0
    """Where the Huber loss turns from square to straight, in standard deviations of the targets."""
    mean: tuple[float, ...] | None = None
    """What is subtracted from each target; None for its mean in the training split."""
    std: tuple[float, ...] | None = None
    """What each target is then divided by; None for its standard deviation in the training split."""

    selection_metric: ClassVar[str] = "loss"

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise UserError(f"problem.delta is {self.delta}; it must be more than 0")
        if self.std is not None and not all(value > 0 for value in self.std):
            raise UserError(f"problem.std is {self.std}; all of it must be more than 0")

    def fit(self, targets: np.ndarray) -> "Regression":
        """Takes mean and standard deviation from the training split, where they are not given.

        Args:
          targets: (examples, outputs) training targets.

        Returns:
          The problem with both; a target that never changes is divided by 1.
        """
        columns = np.asarray(targets, np.float64).reshape(len(targets), -1)
        mean, std = columns.mean(0), columns.std(0)
        std = np.where(std > 1e-7 * np.abs(mean), std, 1.0)  # less is rounding
        return dataclasses.replace(
            self,
            mean=tuple(mean.tolist()) if self.mean is None else self.mean,
            std=tuple(std.tolist()) if self.std is None else self.std,
        )

    def num_outputs(self, schema: Schema) -> int:
        """Counts the model's outputs: one for each number of the data's schema.

        Raises:
          UserError: the target is a class, or `mean` or `std` are made for another number of targets.
        """
        names = schema.target.names
        if schema.target.kind != "number":
            raise UserError(
                f"problem Regression predicts numbers, and the target is one of {len(names)} classes; "
                "use problem=Classification()"
            )
        for field in ("mean", "std"):
            given = getattr(self, field)
            if given is not None and len(given) != len(names):
                raise UserError(f"problem.{field} has {len(given)} values for {len(names)} targets; give one for each")
        return len(names)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example, the mean over its outputs.

        Args:
          outputs: (batch, outputs) standardised numbers.
          targets: (batch, outputs) numbers in the data's units.

        Returns:
          (batch,) float32 losses of the standardised numbers.
        """
        residuals = self._residuals(outputs, targets)
        if self.loss == "squared":
            return jnp.square(residuals).mean(axis=-1)
        if self.loss == "absolute":
            return jnp.abs(residuals).mean(axis=-1)
        return huber(residuals, self.delta).mean(axis=-1)

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Turns (batch, outputs) standardised numbers into those of the data's units."""
        mean, std = self._scale()
        return outputs * std + mean

    def metrics(self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array) -> dict[str, Mean]:
        """StepGradients up a batch's loss and its errors in the data's units, over all outputs alike.

        Args:
          outputs: (batch, outputs) standardised numbers.
          targets: (batch, outputs) numbers.
          losses: (batch,) as `losses` gives them.
          weights: (batch,) float, 0 where there is padding.

        Returns:
          Metrics that merge: "loss", root mean squared error "rmse", and mean absolute error "mae".
        """
        errors = self._residuals(outputs, targets) * self._scale()[1]
        return {
            "loss": Mean.of(losses, weights),
            "rmse": RootMean.of(jnp.square(errors), weights),
            "mae": Mean.of(jnp.abs(errors), weights),
        }

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the best constants: the training targets' mean by rmse, their median by mae."""
        squares = np.square(targets - train_targets.mean(0, dtype=np.float64))
        sizes = np.abs(targets - np.median(train_targets, axis=0))
        return {"rmse": float(np.sqrt(squares.mean())), "mae": float(sizes.mean())}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.value_table`."""
        return tables.value_table(schema, predictions, targets)

    def _residuals(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        mean, std = self._scale()
        # Targets (batch,) would otherwise be spread over outputs (batch, 1), without a word.
        return outputs.astype(jnp.float32) - (targets.reshape(outputs.shape) - mean) / std

    def _scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (1, outputs) float32; 0 and 1 where nothing was fitted."""
        mean, std = (0.0,) if self.mean is None else self.mean, (1.0,) if self.std is None else self.std
        return np.array([mean], np.float32), np.array([std], np.float32)
