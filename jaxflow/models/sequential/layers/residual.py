"""Layers that are added to their input."""

from dataclasses import dataclass

import jax

from jaxflow.errors import UserError
from jaxflow.models.sequential.layers.layer import Layer, dtype_of
from jaxflow.models.sequential.layers.steps import plan, run


@dataclass(frozen=True)
class Residual:
    """Layers whose result is added to their input (K. He et al., CVPR 2016)."""

    layers: tuple[Layer, ...] = ()
    """The layers, from the input to what is added to it."""

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Returns an array like `inputs`."""
        x = run(plan(self.layers, "layers"), inputs, train, dtype_of(inputs))
        if x.shape != inputs.shape:
            raise UserError(f"what its layers make of {inputs.shape[1:]} is {x.shape[1:]}, and cannot be added to it")
        return inputs + x
