"""Losses of classes."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.problems.losses.base import Loss
from jaxflow.problems.losses.sums import parts_of
from jaxflow.ranges import Fraction, NonNegative, check_ranges, check_words


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy between softmax(logits) and integer labels, in nats.

    Source of label smoothing: C. Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7.
    """

    label_smoothing: Fraction = 0.0
    """Fraction of each label's probability that is spread evenly over all classes."""

    class_weights: Literal["none", "balanced"] | tuple[NonNegative, ...] = "none"
    """How much a loss counts, by its class: alike; "balanced" in inverse proportion to the class's training targets, so
    that every class counts as much as any other; or a number for each class."""

    unit = "nats"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_words(self)

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Computes the loss of each example, or of each of its positions.

        The one-hot array is never built: with smoothing s the loss is (1 - s) * nll(label) + s * mean(nll).

        Args:
          outputs: (..., classes) float logits.
          targets: (...) integer labels; what is below 0 yields a number that must not count.

        Returns:
          (...) float32 losses, times the weights of their classes.
        """
        log_probabilities = jax.nn.log_softmax(outputs.astype(jnp.float32))
        losses = -jnp.take_along_axis(log_probabilities, targets[..., None], axis=-1)[..., 0]
        smoothing = self.label_smoothing
        if not (isinstance(smoothing, int | float) and smoothing == 0):  # off, it is no part of the program
            losses = (1.0 - smoothing) * losses - smoothing * log_probabilities.mean(axis=-1)
        if isinstance(self.class_weights, tuple):
            losses = losses * jnp.array(self.class_weights, jnp.float32)[targets]
        return losses

    def fit(self, targets: np.ndarray) -> "CrossEntropy":
        """Computes balanced weights, in inverse proportion to how frequent each class is.

        Args:
          targets: training labels of any shape; those below 0 are ignored.

        Returns:
          The loss with a weight for each class up to the highest that is present; the weights' mean over targets is 1.
          With other weights than "balanced", the loss as it is.
        """
        if self.class_weights != "balanced":
            return self
        known = targets[targets >= 0]
        counts = np.bincount(known)
        weights = len(known) / np.count_nonzero(counts) / np.maximum(counts, 1)
        return dataclasses.replace(self, class_weights=tuple(weights.tolist()))


def check_class_weights(loss: Loss, classes: int) -> None:
    """Raises UserError if the weights of a loss, or of those in a sum, are not one for each of `classes` classes."""
    for part in parts_of(loss):
        weights = getattr(part, "class_weights", "none")
        if isinstance(weights, tuple) and len(weights) != classes:
            raise UserError(
                f"problem.loss.class_weights is {weights}; give {classes} numbers, 0 or more, one for each class; "
                "'balanced' finds them if the training split has examples of the last class"
            )
