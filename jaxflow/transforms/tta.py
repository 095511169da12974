"""Test-time augmentation: averages a model's outputs over augmented copies of an input."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.ranges import Whole, check_ranges


@dataclass(frozen=True)
class FlipShift:
    """Each image unchanged, shifted up and left, and shifted down and right, and the mirror images of these.

    The unshifted images have half of the weight.
    """

    flip: bool = True
    """Whether each view is joined by its mirror image."""
    shift: Whole = 1
    """Pixels of the shift; the border is filled with the mirrored image. 0 for no shift."""

    __post_init__ = check_ranges

    def __call__(self, images: jax.Array) -> list[tuple[float, jax.Array]]:
        """Returns the views of (batch, height, width, channel) images.

        Args:
          images: transformed inputs.

        Returns:
          (weight, images) pairs; the weights add up to 1.
        """
        views = [(1.0, images)]
        if self.shift:
            height, width = images.shape[1:3]
            padding = ((0, 0), (self.shift, self.shift), (self.shift, self.shift), (0, 0))
            padded = jnp.pad(images, padding, mode="reflect")
            starts = (0, 2 * self.shift)
            shifted = [(0.25, padded[:, start : start + height, start : start + width]) for start in starts]
            views = [(0.5, images), *shifted]
        if self.flip:
            views = [(weight / 2, side) for weight, view in views for side in (view, view[:, :, ::-1])]
        return views


def identity_views(inputs: jax.Array) -> list[tuple[float, jax.Array]]:
    """Returns the input itself as the one view."""
    return [(1.0, inputs)]
