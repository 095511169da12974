"""Residual networks."""

from dataclasses import field
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import (
    Conv,
    ConvPadding,
    Dense,
    Dtype,
    KernelInit,
    Norm,
    StochasticDepth,
    normalize,
    overlapping_max_pool,
)
from jaxflow.ranges import BelowOne, Count

# Channels that a bottleneck's last convolution has for each of the others'.
EXPANSION = 4


class Block(nn.Module):
    """Convolutions whose result is added to their input.

    Each block starts as (nearly) the identity: its last norm's scale is 0 (P. Goyal et al., 2017, section 5.1).
    """

    features: int
    """Channels of the 3x3 convolutions."""
    strides: int = 1
    """Pixels between two windows of the first 3x3 convolution; the sum is smaller by this factor."""
    kind: Literal["basic", "bottleneck"] = "basic"
    """Two 3x3 convolutions; or one, between 1x1 convolutions to fewer channels and back."""
    norm: Norm = "batch"
    """Normalisation after each convolution."""
    stochastic_depth: float | jax.Array = 0.0
    """Probability that an example skips the convolutions in training."""
    kernel_init: KernelInit = "he_fan_out"
    """How kernels are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters stay float32."""
    padding: ConvPadding = "SAME"
    """How convolutions are padded."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        conv = partial(Conv, padding=self.padding, bias=False, kernel_init=self.kernel_init, dtype=self.dtype)

        def norm(x: jax.Array, scale: Literal["ones", "zeros"] = "ones") -> jax.Array:
            return normalize(self.norm, x, train, self.dtype, scale)

        features = self.features
        if self.kind == "basic":
            x = jax.nn.relu(norm(conv(features, 3, strides=self.strides)(inputs)))
            x = conv(features, 3)(x)
        else:
            features = EXPANSION * self.features
            x = jax.nn.relu(norm(conv(self.features, 1)(inputs)))
            x = jax.nn.relu(norm(conv(self.features, 3, strides=self.strides)(x)))
            x = conv(features, 1)(x)
        x = norm(x, "zeros")  # (batch, *space, channel)
        x = StochasticDepth(self.stochastic_depth)(x, train)
        shortcut = inputs
        if inputs.shape != x.shape:
            shortcut = norm(conv(features, 1, strides=self.strides)(inputs))
        return jax.nn.relu(x + shortcut)


class ResNet(nn.Module):
    """A residual network; the defaults are ResNet-18 for small images.

    ResNet-34 has blocks (3, 4, 6, 3), ResNet-50 the same with block "bottleneck"; for images of about 224 pixels they
    have the stem "imagenet".

    Source: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016. A bottleneck strides in its 3x3
    convolution, as torchvision's does.
    """

    widths: tuple[Count, ...] = (64, 128, 256, 512)
    """Channels of each stage's 3x3 convolutions; every stage but the first halves the image."""
    blocks: tuple[Count, ...] = (2, 2, 2, 2)
    """Blocks of each stage."""
    block: Literal["basic", "bottleneck"] = "basic"
    """Two 3x3 convolutions; or one between two 1x1 convolutions, the last of them to 4 times as many channels."""
    stem: Literal["cifar", "imagenet"] = "cifar"
    """What comes before the blocks: a 3x3 convolution; or a 7x7 convolution and 3x3 max-pooling, each of which halves
    the image. With "imagenet" all windows are centred on the pixels that they stand for, as torchvision's are; with
    "cifar" those that halve an image of even sides begin at them."""
    norm: Norm = "batch"
    """Normalisation after each convolution, before the activation."""
    stochastic_depth: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Probability that an example skips the last block in training; it grows linearly from the first block on."""
    remat: bool = False
    """Whether gradients compute each block's activations again instead of keeping them: less memory, more time."""
    kernel_init: KernelInit = "he_fan_out"
    """How convolutions are drawn."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"{len(self.widths)} widths but {len(self.blocks)} blocks; give one number to each stage")
        padding: ConvPadding = "CENTERED" if self.stem == "imagenet" else "SAME"
        x = self._stem(inputs, train, padding)
        kind = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
        strides = [
            (width, 2 if stage > 0 and block == 0 else 1)
            for stage, (width, blocks) in enumerate(zip(self.widths, self.blocks))
            for block in range(blocks)
        ]
        for number, (width, stride) in enumerate(strides):
            drop = self.stochastic_depth * ((number + 1) / len(strides))
            settings = (self.block, self.norm, drop, self.kernel_init, self.dtype, padding)
            x = kind(width, stride, *settings, name=f"Block_{number}")(x, train)  # (batch, *space, channel)
        x = x.mean(axis=tuple(range(1, x.ndim - 1)))  # (batch, channel)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype)(x).astype(jnp.float32)

    def _stem(self, inputs: jax.Array, train: bool, padding: ConvPadding) -> jax.Array:
        """Computes what the blocks take."""
        kernel, strides = (7, 2) if self.stem == "imagenet" else (3, 1)
        convolution = Conv(
            self.widths[0], kernel, padding, strides, bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        x = jax.nn.relu(normalize(self.norm, convolution(inputs), train, self.dtype))
        return overlapping_max_pool(x) if self.stem == "imagenet" else x
