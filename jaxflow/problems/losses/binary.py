"""Losses of yes or no: one logit for each target that is 0 or 1."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError, listed
from jaxflow.problems.losses.base import Loss
from jaxflow.problems.losses.sums import parts_of
from jaxflow.ranges import Fraction, NonNegative, check_ranges, check_words


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """Cross-entropy between sigmoid(logits) and targets that are 0 or 1, in nats."""

    label_smoothing: Fraction = 0.0
    """Fraction of each target's probability that is spread evenly over yes and no."""

    positive_weight: Literal["none", "balanced"] | tuple[NonNegative, ...] = "none"
    """How much a positive target counts, where a negative one counts 1: alike; "balanced" as many times as there are
    negative ones in training for each positive one; or a number for each output."""

    unit = "nats"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_words(self)

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each target.

        Args:
          outputs: (batch, ...) float logits.
          targets: (batch, ...) integers of the same shape; what is below 0 yields a number that must not count.

        Returns:
          (batch, ...) float32 losses.
        """
        logits, positive = outputs.astype(jnp.float32), (targets > 0).astype(jnp.float32)
        smoothed = positive * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        losses = -smoothed * jax.nn.log_sigmoid(logits) - (1.0 - smoothed) * jax.nn.log_sigmoid(-logits)
        if isinstance(self.positive_weight, tuple):
            weights = jnp.array(self.positive_weight, jnp.float32)  # (outputs,)
            weights = weights[0] if len(self.positive_weight) == 1 else jnp.broadcast_to(weights, losses.shape)
            losses = losses * jnp.where(positive > 0, weights, 1.0)
        return losses

    def fit(self, targets: np.ndarray) -> "BinaryCrossEntropy":
        """Computes balanced weights of (examples,) or (examples, outputs) training targets; those below 0 are ignored.

        An output without a positive or without a negative target has the weight 1.
        """
        if self.positive_weight != "balanced":
            return self
        columns = targets.reshape(len(targets), -1)  # (example, output)
        positive, negative = (columns > 0).sum(0), (columns == 0).sum(0)
        weights = np.where((positive > 0) & (negative > 0), negative / np.maximum(positive, 1), 1.0)
        return dataclasses.replace(self, positive_weight=tuple(weights.tolist()))


def check_positive_weight(loss: Loss, names: Sequence[str]) -> None:
    """Raises UserError if the weights of a loss, or of those in a sum, are not one for each of what is yes or no."""
    for part in parts_of(loss):
        weights = getattr(part, "positive_weight", "none")
        if isinstance(weights, tuple) and len(weights) not in (1, len(names)):
            several = f", or one for each of {listed(names)}, in this order" if len(names) > 1 else ""
            raise UserError(f"problem.loss.positive_weight has {len(weights)} numbers; give one{several}")


@dataclass(frozen=True)
class BinaryFocal:
    """Cross-entropy times (1 - probability of the target)^gamma: what is right already counts less.

    Source: T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, without alpha.
    """

    gamma: NonNegative = 2.0
    """How much less; 0 is cross-entropy."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the float32 loss of each target; arguments as those of `BinaryCrossEntropy`."""
        signed = jnp.where(targets > 0, outputs, -outputs).astype(jnp.float32)
        return -jnp.exp(self.gamma * jax.nn.log_sigmoid(-signed)) * jax.nn.log_sigmoid(signed)


@dataclass(frozen=True)
class BinaryHinge:
    """How much the logit's margin falls short of 1: max(0, 1 - logit) of a positive target.

    Source: C. Cortes and V. Vapnik, Support-Vector Networks, Machine Learning 20, 1995.
    """

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns the float32 loss of each target; arguments as those of `BinaryCrossEntropy`."""
        return jnp.maximum(0.0, 1.0 - jnp.where(targets > 0, outputs, -outputs).astype(jnp.float32))
