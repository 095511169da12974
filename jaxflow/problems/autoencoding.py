"""The inputs themselves, through a bottleneck: what is reconstructed badly is unlike the training data."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

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
from jaxflow.problems.metrics.base import Metric, score
from jaxflow.problems.metrics.explained_variance import ExplainedVariance
from jaxflow.schema import Schema


@dataclass(frozen=True)
class Autoencoding:
    """The inputs, as preprocessing and augmentation leave them; predictions are errors, by which anomalies are found.

    The data stay as they are: a target that they have is shown in tables, and nothing learns it. A model returns
    (batch, numbers, 2): its reconstruction of each number of an example beside that number.
    """

    loss: Loss = SquaredError()
    """What is minimised: a function of (batch, numbers) reconstructions and inputs."""

    metrics: tuple[Metric, ...] = (ExplainedVariance(),)
    """What is measured beside the loss."""

    selection_metric: str = "loss"
    """The metric that decides which checkpoint is the best: "loss", or the name of one of `metrics`."""

    def __post_init__(self) -> None:
        check_choices(self, "SquaredError()", "ExplainedVariance()")
        check_suited(self, (ExplainedVariance,), VALUE_LOSSES)

    def fit(self, targets: np.ndarray) -> "Autoencoding":
        """Returns the problem as it is: it takes nothing from targets."""
        return dataclasses.replace(self)

    def num_outputs(self, schema: Schema) -> int:
        """Returns 2, the number of the model's outputs for each number of an example.

        Raises:
          UserError: the inputs are no numbers, or the data has a target for each position.
        """
        if schema.inputs.kind in ("tokens", "several") or schema.inputs.cardinalities:
            raise UserError(
                "problem Autoencoding reconstructs images, volumes, audio or vectors of numbers, and the data has "
                f"{'categories' if schema.inputs.cardinalities else schema.inputs.kind}; use another problem, or "
                "Category(encode='onehot')"
            )
        if schema.target.dense_shape or schema.target.several:
            raise UserError(
                "problem Autoencoding predicts the inputs, and the data has several targets for each example; use a "
                "source of the same inputs without, such as ImageFolder"
            )
        return 2

    def output_positions(self, schema: Schema) -> tuple[int, ...]:
        """Returns the positions that a model answers for: the numbers of an example."""
        return (schema.inputs.size,)

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the loss of each example, (batch,) float32; targets are not looked at.

        Args:
          outputs: (batch, numbers, 2) reconstructions and inputs.
          targets: as in a batch.
        """
        outputs = outputs.astype(jnp.float32)
        return self.loss(outputs[..., 0], outputs[..., 1])

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Returns the reconstructions, (batch, numbers)."""
        return outputs[..., 0]

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns the reconstructions, (batch, numbers), as they are."""
        return distribution

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show: the loss of each example, (batch,)."""
        return self.losses(outputs, outputs)

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, clu.metrics.Metric]:
        """Returns a batch's metrics by name, the loss first; arguments are those of `ScoredBatch`."""
        return score(self, outputs, targets, losses, weights)

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores the mean input, of whose variance nothing is explained."""
        return {"explained_variance": 0.0}

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, np.ndarray]:
        """Returns `predictions` as the columns of a table: `tables.error_table`."""
        return tables.error_table(schema, predictions, targets)
