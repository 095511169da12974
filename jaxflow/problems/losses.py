"""Losses, chosen in the experiment: frozen dataclasses that return a loss for each example, never reduced.

A loss of the user's own is such a dataclass in the experiment file. Where it takes something from the training targets
it also has `fit(targets)`, which returns the fitted loss. Its floats may be traced: checks look only at plain numbers.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError
from jaxflow.ranges import Fraction, NonNegative, Positive, check_ranges

__all__ = ["AbsoluteError", "CrossEntropy", "Huber", "SquaredError"]


@runtime_checkable
class Loss(Protocol):
    """What is minimised: `jaxflow.losses.CrossEntropy()`."""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns one float32 loss for each target, neither averaged nor weighted: (batch,) or (batch, *spatial).

        Args:
          outputs: (batch, outputs) or (batch, *spatial, outputs).
          targets: (batch,) or (batch, *spatial) integer labels; for regression (batch, outputs), standardised.
        """
        ...


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

    __post_init__ = check_ranges

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


@dataclass(frozen=True)
class SquaredError:
    """The square of the error, averaged over an example's outputs."""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values."""
        return jnp.square(outputs - targets).mean(axis=-1)


@dataclass(frozen=True)
class AbsoluteError:
    """The size of the error, averaged over an example's outputs."""

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values."""
        return jnp.abs(outputs - targets).mean(axis=-1)


@dataclass(frozen=True)
class Huber:
    """Half the square of the error up to `delta`, and from there on a straight line: outliers pull less.

    Source: P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.
    """

    delta: Positive = 1.0
    """Where the line begins, in standard deviations of the targets."""

    __post_init__ = check_ranges

    def __call__(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns (batch,) losses of (batch, outputs) values, averaged over an example's outputs."""
        size = jnp.abs(outputs - targets)
        square = jnp.minimum(size, self.delta)
        return (square * (size - 0.5 * square)).mean(axis=-1)


def fit_loss(loss: Loss, targets: np.ndarray) -> Loss:
    """Returns a loss fitted to the training targets, where it has anything to fit."""
    fit = getattr(loss, "fit", None)
    return loss if fit is None else fit(targets)


def check_class_weights(loss: Loss, classes: int) -> None:
    """Raises UserError if a loss's class weights are not one number, 0 or more, for each of `classes` classes."""
    weights = getattr(loss, "class_weights", "none")
    if isinstance(weights, tuple) and (len(weights) != classes or not all(0 <= weight < np.inf for weight in weights)):
        raise UserError(
            f"problem.loss.class_weights is {weights}; give {classes} numbers, 0 or more, one for each class; "
            "'balanced' finds them if the training split has examples of the last class"
        )
