"""Layers that regularise: norms, dropout."""

from dataclasses import dataclass, field

import jax

from jaxflow.errors import UserError
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models import layers
from jaxflow.models.sequential.layers.layer import dtype_of
from jaxflow.ranges import BelowOne, Count, check_ranges


@dataclass(frozen=True)
class BatchNorm:
    """Normalises each channel over the batch and all positions (S. Ioffe and C. Szegedy, ICML 2015)."""

    momentum: BelowOne = field(default=0.9, metadata=COMPLEMENT)
    """Fraction of the running averages that a step keeps."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return layers.BatchNorm(self.momentum, dtype=dtype_of(inputs))(inputs, train)


@dataclass(frozen=True)
class LayerNorm:
    """Normalises each position over its channels (J. Ba et al., Layer Normalization, 2016)."""

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return layers.normalize("layer", inputs, train, dtype_of(inputs))


@dataclass(frozen=True)
class RMSNorm:
    """Divides each position's channels by their root mean square (B. Zhang and R. Sennrich, NeurIPS 2019)."""

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return layers.normalize("rms", inputs, train, dtype_of(inputs))


@dataclass(frozen=True)
class GroupNorm:
    """Normalises groups of channels over an example's positions (Y. Wu and K. He, ECCV 2018)."""

    groups: Count = 32
    """Number of groups, which divides the number of channels."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        if inputs.shape[-1] % self.groups:
            raise UserError(f"{self.groups} groups do not divide {inputs.shape[-1]} channels; give groups=N that does")
        return layers.group_norm(inputs, self.groups, dtype_of(inputs))


@dataclass(frozen=True)
class Dropout:
    """Zeroes elements at random in training (N. Srivastava et al., JMLR 2014)."""

    rate: BelowOne = field(default=0.5, metadata=COMPLEMENT)
    """Probability that an element is zeroed."""

    __post_init__ = check_ranges

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        return layers.Dropout(self.rate)(inputs, train)
