"""A transformer over the patches of an image."""

from dataclasses import field
from typing import ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.models.layers import Activation, Dense, Dropout, Dtype, KernelInit, LayerNorm
from jaxflow.models.layers.attention import transformer_blocks
from jaxflow.ranges import BelowOne, Count


def patches(images: jax.Array, side: int) -> jax.Array:
    """Divides (batch, height, width, channel) images into squares, (batch, patch, side * side * channel), row by row.

    Raises:
      UserError: the squares do not fill the images.
    """
    if images.ndim != 4 or images.shape[1] % side or images.shape[2] % side:
        raise UserError(
            f"patches of {side} pixels do not fill inputs of shape {images.shape[1:]}; it takes images (height, width, "
            "channel) whose sides are multiples of model.patch"
        )
    batch, height, width, channels = images.shape
    x = images.reshape(batch, height // side, side, width // side, side, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)  # (batch, row, column, side, side, channel)
    return x.reshape(batch, -1, side * side * channels)


class ViT(nn.Module):
    """A Vision Transformer: patches of an image, each embedded with a learned position, attend to each other.

    The defaults are ViT-S; with patch 16, images of 224 pixels and 1000 classes it has 22,050,664 parameters. Ti has
    width 192 and 3 heads, B 768 and 12, and L 24 layers, width 1024 and 16 heads.

    Source: A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; H. Touvron et al., Training data-efficient
    image transformers, ICML 2021, for S, Ti and stochastic depth.
    """

    input_kinds: ClassVar[tuple[str, ...]] = ("image",)

    patch: Count = 16
    """Side of a patch in pixels."""
    layers: Count = 12
    """Number of blocks of attention and fully connected layers."""
    heads: Count = 6
    """Heads of each attention; they divide the width."""
    width: Count = 384
    """Length of the vector of each patch."""
    hidden: Count | None = None
    """Width of the fully connected layer in each block; None for 4 * width."""
    pool: Literal["class", "mean"] = "class"
    """What stands for the image: a learned class token beside the patches, or the mean over them."""
    dropout: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Dropout rate of embeddings and of what each block adds."""
    stochastic_depth: BelowOne = field(default=0.0, metadata=COMPLEMENT)
    """Probability that what the last block adds is left out of an example; it grows linearly from 0 at the first."""
    activation: Activation = "gelu_exact"
    """Activation between the fully connected layers of a block; the exact one is torchvision's and timm's."""
    kernel_init: KernelInit = "glorot_uniform"
    """How kernels are drawn; biases start at 0."""
    remat: bool = False
    """Whether blocks are computed again for their gradients: less memory, more time, the same numbers."""
    dtype: Dtype = "float32"
    """Dtype of the arithmetic; parameters and outputs stay float32."""
    outputs: Count | None = None
    """Output width; None takes it from the problem."""

    @nn.compact
    def __call__(self, inputs: jax.Array, train: bool = False) -> jax.Array:
        def learned(name: str, positions: int) -> jax.Array:
            return self.param(name, nn.initializers.normal(0.02), (1, positions, self.width)).astype(self.dtype)

        x = Dense(self.width, self.dtype, self.kernel_init)(patches(inputs, self.patch))  # (batch, patch, width)
        if self.pool == "class":
            x = jnp.concatenate([jnp.broadcast_to(learned("class_token", 1), (len(x), 1, self.width)), x], axis=1)
        x = Dropout(self.dropout)(x + learned("positions", x.shape[1]), train)
        x = transformer_blocks(
            self.layers, x, train, heads=self.heads, hidden=self.hidden or 4 * self.width, dropout=self.dropout,
            stochastic_depth=self.stochastic_depth, activation=self.activation, kernel_init=self.kernel_init,
            remat=self.remat, dtype=self.dtype,
        )  # fmt: skip
        x = LayerNorm(dtype=self.dtype)(x)
        x = x[:, 0] if self.pool == "class" else x.mean(axis=1)  # (batch, width)
        self.sow("intermediates", "features", x)
        return Dense(self.outputs, self.dtype, self.kernel_init)(x).astype(jnp.float32)
