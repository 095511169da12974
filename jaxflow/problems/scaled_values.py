"""Values to predict on whatever scale they come: what every regression has in common."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems.losses.base import fit_loss
from jaxflow.problems.suggestions import fitting, found, is_number
from jaxflow.ranges import Finite, Positive
from jaxflow.schema import Schema, blurred


@dataclass(frozen=True, kw_only=True)
class ScaledValues:
    """One value or several for each example, which a model learns standardised, by the training split.

    A model's outputs, and so the loss, are in standard deviations from the mean: learning rates mean the same on every
    scale. Predictions and metrics are in the data's own units. `train` calls `fit`; a script without it writes
    Regression().fit(train.targets), or leaves targets as they are. A fitted `shift` is subtracted on the host, by
    `jaxflow.data.dataset.shifted_split`: the program takes targets less it, and returns predictions less it.
    """

    mean: tuple[Finite, ...] | None = None
    """What is subtracted from each target; None for its mean in the training split."""

    std: tuple[Positive, ...] | None = None
    """What each target is then divided by; None for its standard deviation in the training split."""

    shift: tuple[Finite, ...] | None = None
    """What the host subtracts from each target, in float64, before it becomes float32, and adds to predictions; None
    for its mean in the training split where float32 would lose digits, as of seconds since 1970, else for 0."""

    def fit(self, targets: np.ndarray) -> Self:
        """Fits shift, mean and standard deviation to the training split, where they are not given, and the loss.

        Args:
          targets: (examples, values) training targets.

        Returns:
          The problem with all three; a target that never changes is divided by 1. What it computes on, its mean
          included, are then the targets less the shift.
        """
        values = np.asarray(targets, np.float64).reshape(len(targets), -1)  # (example, value)
        shift = np.where(blurred(values), values.mean(0), 0.0) if self.shift is None else np.array(self.shift)
        columns = (values - shift).astype(np.float32).astype(np.float64)  # as the program sees them
        return self.fit_scale(columns, shift, shift)

    def fit_scale(self, values: np.ndarray, shift: np.ndarray, moved: np.ndarray) -> Self:
        """Fits mean and standard deviation, where they are not given, and the loss.

        Args:
          values: (examples, values) float64 training targets less the shift, as they are standardised.
          shift: (values,) what the host subtracts.
          moved: (values,) how much of it a given mean has to lose.

        Returns:
          The problem with all three.
        """
        mean, std = values.mean(0), values.std(0)
        std = np.where(std > 1e-7 * np.abs(mean), std, 1.0)  # less is rounding
        mean = mean if self.mean is None else np.array(self.mean) - moved
        std = std if self.std is None else np.array(self.std)
        standardized = ((values - mean) / std).astype(np.float32)
        fitted = {"mean": mean, "std": std} | ({"shift": shift} if shift.any() else {})
        fields: dict[str, Any] = {name: tuple(row.tolist()) for name, row in fitted.items()}
        loss = getattr(self, "loss", None)
        if loss is not None:
            fields["loss"] = fit_loss(loss, standardized)
        return dataclasses.replace(self, **fields)

    def num_values(self, schema: Schema) -> int:
        """Returns how many values are to be predicted.

        Raises:
          UserError: the target is a class, or `mean` or `std` are for another number of targets.
        """
        names, problem = schema.target.names, type(self).__name__
        if schema.target.kind != "number":
            way = fitting(schema)
            if schema.target.several:
                way = f"say data.task='number' if they are numbers, or {way}"
            elif not schema.target.dense_shape and all(map(is_number, names)):
                way = f"read it as a number (--data.task=number; of arrays, numbers=(NAME,)), or {way}"
            raise UserError(f"problem {problem} predicts numbers, and the data has {found(schema)}; {way}")
        for field in ("mean", "std", "shift"):
            given = getattr(self, field)
            if given is not None and len(given) != len(names):
                raise UserError(f"problem.{field} has {len(given)} values for {len(names)} targets; give one for each")
        return len(names)

    def scale(self) -> tuple[jax.Array, jax.Array]:
        """Returns mean and standard deviation, (1, values) float32; 0 and 1 where nothing was fitted."""
        mean, std = (0.0,) if self.mean is None else self.mean, (1.0,) if self.std is None else self.std
        return jnp.array([mean], jnp.float32), jnp.array([std], jnp.float32)

    def standardized(self, targets: jax.Array) -> jax.Array:
        """Converts values in the data's units, (batch, values) or (batch,) of one, to (batch, values) float32."""
        mean, std = self.scale()
        return (self.transformed(targets.reshape(len(targets), -1)) - mean) / std

    def transformed(self, values: jax.Array) -> jax.Array:
        """Returns (batch, values) targets as they are standardised: as they are."""
        return values
