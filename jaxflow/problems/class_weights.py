"""How much each class counts in a loss."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.errors import UserError

ClassWeights = Literal["none", "balanced"] | tuple[float, ...]


def fit_weights(weights: ClassWeights, targets: np.ndarray) -> ClassWeights:
    """Makes numbers of "balanced": in inverse proportion to how often each class is there.

    Args:
      weights: as a problem has them.
      targets: training labels of any shape; those below 0 are void.

    Returns:
      The weights as they came, or one for each class up to the highest that is there; their mean over targets is 1.
    """
    if weights != "balanced":
        return weights
    known = targets[targets >= 0]
    counts = np.bincount(known)
    return tuple((len(known) / np.count_nonzero(counts) / np.maximum(counts, 1)).tolist())


def check_weights(weights: ClassWeights, classes: int) -> None:
    """Refuses weights that are not one number for each class."""
    if isinstance(weights, tuple) and (len(weights) != classes or not all(0 <= weight < np.inf for weight in weights)):
        raise UserError(f"problem.class_weights is {weights}; give {classes} numbers, 0 or more, one for each class")


def weighted(losses: jax.Array, weights: ClassWeights, targets: jax.Array) -> jax.Array:
    """Multiplies losses by the weights of their classes, all of one shape."""
    return losses * jnp.array(weights, jnp.float32)[targets] if isinstance(weights, tuple) else losses
