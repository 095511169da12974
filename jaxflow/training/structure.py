"""What decides a compiled program: an experiment's parts, without the values of their hyperparameters."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow import hyperparameters
from jaxflow.interfaces import Augmentation, Problem, TestTimeAugmentation, Transform
from jaxflow.optimizers.base import Optimizer, make_optimizer
from jaxflow.schema import Schema
from jaxflow.training.parallel.layout import Layout
from jaxflow.training.state import TrainState, init_state
from jaxflow.transforms import preprocess


@dataclass(frozen=True)
class Parts:
    """What of an experiment has hyperparameters: what programs are made of, and take as arguments.

    Attributes:
      model: the network with its sizes filled in.
      problem: fitted to the training targets.
      total_steps: steps of the whole run, which schedules are spread over.
    """

    model: nn.Module
    problem: Problem
    optimizer: Optimizer
    augment: tuple[Augmentation, ...]
    ema_decay: float | None = field(metadata=hyperparameters.COMPLEMENT)
    total_steps: int = field(metadata=hyperparameters.HYPERPARAMETER)


@dataclass(frozen=True)
class Structure:
    """What decides a compiled program: runs of equal structure share it, whatever their hyperparameters.

    Attributes:
      parts: with placeholders for hyperparameters.
      preprocess: transforms that are part of the program.
      fitted: what these were fitted to, as JSON text.
      tta: test-time augmentation, or None.
      microbatch: rows whose gradients are computed at once, or None.
      schema: what the data holds.
      layout: the devices.
    """

    parts: Parts
    preprocess: tuple[Transform, ...]
    fitted: str
    tta: TestTimeAugmentation | None
    microbatch: int | None
    schema: Schema
    layout: Layout

    @property
    def transform(self) -> Callable[[Any], Any]:
        """The fitted preprocessing, on the device."""
        return partial(preprocess.apply, self.preprocess, json.loads(self.fitted))

    @functools.cached_property
    def abstract_state(self) -> TrainState:
        """The state without its values: shapes, dtypes and shardings."""
        inputs, count = self.schema.inputs, hyperparameters.count_arguments(self.parts)
        arguments, seed = jax.ShapeDtypeStruct((count,), jnp.float32), jax.ShapeDtypeStruct((), jnp.uint32)
        example = preprocess.abstract_inputs(inputs, 1)
        state = jax.eval_shape(partial(make_state, self), arguments, seed, example)
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self.layout.sharding(leaf)), state
        )


def make_state(structure: Structure, arguments: jax.Array, seed: jax.Array, examples: Any) -> TrainState:
    """Builds the state of step 0, inside a trace.

    Args:
      structure: what is trained.
      arguments: its hyperparameters, (arguments,) float32.
      seed: of the run, scalar uint32. The key is made of it here: an operation outside would be a program of its own.
      examples: raw inputs, (examples, ...).

    Returns:
      The state.
    """
    parts = hyperparameters.join(structure.parts, arguments)
    tx, key = make_optimizer(parts.optimizer, parts.total_steps), jax.random.key(seed)
    return init_state(parts.model, tx, key, structure.transform(examples), parts.ema_decay is not None)
