"""What a loss is."""

from typing import Protocol, runtime_checkable

import jax
import numpy as np


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


def fit_loss(loss: Loss, targets: np.ndarray) -> Loss:
    """Returns a loss fitted to the training targets, where it has anything to fit."""
    fit = getattr(loss, "fit", None)
    return loss if fit is None else fit(targets)
