"""Normalisation."""

import functools
import math
from typing import Literal

import flax.linen as nn
import jax

from jaxflow.errors import UserError
from jaxflow.models.layers.dtypes import Dtype

# Variances are those of centred values: means of squares less squared means, which Flax has by default, are rounding
# alone where values lie some thousand deviations from 0.
LayerNorm = functools.partial(nn.LayerNorm, use_fast_variance=False)
Norm = Literal["none", "batch", "layer", "group", "rms"]
# Groups of channels, where so many divide them (Wu and He, section 4.1).
GROUPS = 32


class BatchNorm(nn.Module):
    """Batch normalisation over all axes but the last.

    Statistics are those of one microbatch, or of a device's rows of the batch; running averages are kept in
    the collection "batch_stats" and used when not training.

    Source: S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015.
    """

    momentum: float = 0.9
    """Fraction of the running averages that a step keeps."""
    epsilon: float = 1e-5
    """Added to the variance, against division by 0."""
    scale: Literal["ones", "zeros", "none"] = "ones"
    """Initial value of the trained scale; none for no scale at all."""
    dtype: Dtype = "float32"
    """Dtype of the outputs; statistics are float32."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        if train and math.prod(inputs.shape[:-1]) == 1:
            raise UserError(
                "batch normalisation has one value to normalise in each channel, the value of a single example, and "
                "would make 0 of it; give each microbatch and each device 2 examples or more (--batch_size, "
                "--microbatch), or take a model without it (for example --model.norm=none)"
            )
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=self.momentum,
            epsilon=self.epsilon,
            dtype=self.dtype,
            use_scale=self.scale != "none",
            use_fast_variance=False,
            scale_init=_scale_init(self.scale),
        )(inputs)


def normalize(
    norm: Norm, inputs: jax.Array, train: bool, dtype: Dtype = "float32", scale: Literal["ones", "zeros"] = "ones"
) -> jax.Array:
    """Normalises a layer's outputs, inside a model's compact `__call__`, whose parameter the norm's scale becomes.

    Args:
      norm: "batch" over the batch and all positions, for each channel (Ioffe and Szegedy, 2015); "layer" over the
        channels of each position (J. Ba et al., 2016), "rms" likewise without a mean (B. Zhang and R. Sennrich, 2019);
        "group" over the positions of an example and groups of 32 channels, or as many as divide them (Y. Wu and
        K. He, ECCV 2018); "none" returns the inputs.
      inputs: (batch, *space, channel).
      train: whether batch statistics are those of the inputs, and updated.
      dtype: of the outputs; statistics and parameters are float32.
      scale: initial value of the trained scale.

    Returns:
      Array like `inputs`.
    """
    init = _scale_init(scale)
    if norm == "batch":
        return BatchNorm(dtype=dtype, scale=scale)(inputs, train)
    if norm == "layer":
        return LayerNorm(epsilon=1e-5, dtype=dtype, scale_init=init)(inputs)
    if norm == "rms":
        return nn.RMSNorm(epsilon=1e-5, dtype=dtype, scale_init=init)(inputs)
    if norm == "group":
        return group_norm(inputs, math.gcd(GROUPS, inputs.shape[-1]), dtype, scale)
    return inputs


def group_norm(
    inputs: jax.Array, groups: int, dtype: Dtype = "float32", scale: Literal["ones", "zeros"] = "ones"
) -> jax.Array:
    """Normalises groups of channels over an example's positions, as `normalize` does.

    Raises:
      UserError: a group has one value, which would become 0.
    """
    if math.prod(inputs.shape[1:]) == groups:
        raise UserError(
            f"group normalisation has one value to normalise in each of {groups} groups of channels, and would make 0 "
            "of it; take norm 'layer', 'rms' or 'none', or inputs with more positions"
        )
    init = _scale_init(scale)
    return nn.GroupNorm(groups, epsilon=1e-5, dtype=dtype, scale_init=init, use_fast_variance=False)(inputs)


def _scale_init(scale: str) -> nn.initializers.Initializer:
    return nn.initializers.zeros if scale == "zeros" else nn.initializers.ones
