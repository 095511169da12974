"""How parameters are drawn before training, by name."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

KernelInit = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "he_fan_out",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "normal",
    "dirac",
]


def dirac(key: jax.Array, shape: tuple[int, ...], dtype: str = "float32") -> jax.Array:
    """Draws a kernel whose first features, as many as there are channels, are the identity.

    Args:
      key: random key.
      shape: (*window, channel, feature).
      dtype: dtype of the kernel.

    Returns:
      The kernel; further features are uniform within +-1 / sqrt(window * channel), as PyTorch's are.

    Source: S. Zagoruyko and N. Komodakis, DiracNets, 2017.
    """
    *window, channels, features = shape
    kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")(key, shape, dtype)
    same = jnp.arange(min(channels, features))
    return kernel.at[..., same].set(0).at[(*(size // 2 for size in window), same, same)].set(1)


# X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., ICCV 2015 (of the fan-out: as residual networks take it);
# Y. LeCun et al., Efficient BackProp, 1998; A. Saxe et al., ICLR 2014; a standard deviation of 0.02, as in GPT-2.
# Most models have "glorot_uniform", as Keras does, so that the same network trains the same way there and here.
_INITIALIZERS = {
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "glorot_normal": nn.initializers.glorot_normal(),
    "he_uniform": nn.initializers.he_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "he_fan_out": nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    "lecun_uniform": nn.initializers.lecun_uniform(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "orthogonal": nn.initializers.orthogonal(),
    "normal": nn.initializers.normal(0.02),
    "dirac": dirac,
}


def initializer(name: KernelInit) -> nn.initializers.Initializer:
    """Returns the function (key, shape) -> kernel of a name."""
    return _INITIALIZERS[name]
