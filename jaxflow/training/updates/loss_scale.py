"""Dynamic loss scaling: what keeps gradients in float16 from vanishing.

float16 has no number below 6e-8, and gradients are smaller. The loss is multiplied by a power of two before it is
differentiated, and the gradient divided by it in float32. Where that overflows, the step is skipped and the scale
halved. bfloat16 has the exponents of float32 and needs none of this.

Source: P. Micikevicius et al., Mixed Precision Training, ICLR 2018.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

INITIAL, LARGEST = 2.0**15, 2.0**24
# Finite steps after which the scale is doubled.
GOOD_STEPS = 2000


@flax.struct.dataclass
class LossScale:
    """The scale of the loss.

    Attributes:
      scale: scalar float32, a power of two.
      good_steps: scalar int32, finite steps since it changed.
    """

    scale: jax.Array
    good_steps: jax.Array

    def adjusted(self, finite: jax.Array) -> "LossScale":
        """Returns the scale after a step, given whether gradient and new state were finite."""
        grows = self.good_steps + 1 >= GOOD_STEPS
        grown = jnp.where(grows, jnp.minimum(2 * self.scale, LARGEST), self.scale)
        good_steps = jnp.where(finite & ~grows, self.good_steps + 1, 0)
        return LossScale(jnp.where(finite, grown, jnp.maximum(self.scale / 2, 1.0)), good_steps)


def initial_loss_scale(model: Any) -> LossScale | None:
    """Returns the scale that a run starts with; None where the model's `dtype` is not float16."""
    if getattr(model, "dtype", None) not in ("float16", jnp.float16, jnp.dtype("float16")):
        return None
    return LossScale(jnp.float32(INITIAL), jnp.zeros((), jnp.int32))
