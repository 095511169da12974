"""What decides a compiled program: an experiment's parts, without the values of their hyperparameters."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxflow import hyperparameters
from jaxflow.experiment import Experiment
from jaxflow.interfaces import Augmentation, Problem, TestTimeAugmentation, Transform
from jaxflow.optimizers.base import AnyOptimizer, make_optimizer
from jaxflow.optimizers.schedules import learning_rate
from jaxflow.schema import Batch, Schema
from jaxflow.serialization import fields_of
from jaxflow.training.parallel.compile import map_gradients
from jaxflow.training.parallel.layout import Layout
from jaxflow.training.state import TrainState, first_state, initial_variables, take_over
from jaxflow.training.steps import Metrics, make_train_step
from jaxflow.transforms import augment, preprocess


@dataclass(frozen=True)
class Parts:
    """What of an experiment has hyperparameters: what programs are made of, and take as arguments.

    Attributes:
      model: the network with its sizes filled in.
      problem: fitted to the training targets.
      optimizer: with its warm-up in steps.
      total_steps: steps of the whole run, which schedules are spread over.
    """

    model: nn.Module
    problem: Problem
    optimizer: AnyOptimizer
    augment: tuple[Augmentation, ...]
    ema_decay: float | None = field(metadata=hyperparameters.COMPLEMENT)
    average_last: float | None
    total_steps: int = field(metadata=hyperparameters.HYPERPARAMETER)


def parts_of(experiment: Experiment, total_steps: int) -> Parts:
    """Returns the parts of an experiment that has its sizes filled in, for a run of so many steps."""
    return Parts(
        experiment.model,
        experiment.problem,
        experiment.optimizer,
        experiment.augment,
        experiment.ema_decay,
        experiment.average_last,
        total_steps,
    )


@dataclass(frozen=True, eq=False)
class Structure:
    """What decides a compiled program: runs of equal structure share it, whatever their hyperparameters.

    To Python 2, 2.0 and True are equal, and to a dataclass whatever its fields with `compare=False` hold; they are
    different programs, and here they differ.

    Attributes:
      parts: with placeholders for hyperparameters.
      preprocess: transforms that are part of the program.
      fitted: what these were fitted to, as JSON text.
      tta: test-time augmentation, or None.
      microbatch: rows whose gradients are computed at once, or None.
      schema: what the data holds.
      layout: the devices.
      norms: whether norms are among the metrics.
    """

    parts: Parts
    preprocess: tuple[Transform, ...]
    fitted: str
    tta: TestTimeAugmentation | None
    microbatch: int | None
    schema: Schema
    layout: Layout
    norms: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @functools.cached_property
    def _key(self) -> Any:
        """All that the structure holds, each value beside its type."""
        return tuple(_with_types(getattr(self, field.name)) for field in dataclasses.fields(self))

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


def _with_types(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_with_types, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, Layout):  # a layout's devices are no plain values
        return type(value), tuple((name, _with_types(part)) for name, part in fields_of(value))
    return type(value), value


def make_state(
    structure: Structure,
    arguments: jax.Array,
    seed: jax.Array,
    examples: Any,
    weights: Mapping[str, Any] = MappingProxyType({}),
) -> TrainState:
    """Builds the state of step 0, inside a trace.

    Args:
      structure: what is trained.
      arguments: its hyperparameters, (arguments,) float32.
      seed: of the run, scalar uint32. The key is made of it here: an operation outside would be a program of its own.
      examples: raw inputs, (examples, ...).
      weights: by path, which take the places of the initial ones where they fit.

    Returns:
      The state.
    """
    parts = hyperparameters.join(structure.parts, arguments)
    tx, key = make_optimizer(parts.optimizer, parts.total_steps), jax.random.key(seed)
    variables = take_over(initial_variables(parts.model, key, structure.transform(examples)), weights)
    return first_state(parts.model, variables, tx, key, _is_averaged(parts))


def train_step(structure: Structure, arguments: jax.Array) -> Callable[[TrainState, Batch], tuple[TrainState, Metrics]]:
    """Builds the train step that `make_train_step` documents, with hyperparameters that may be traced.

    Args:
      structure: what is trained.
      arguments: its hyperparameters, (arguments,) float32.
    """
    parts = hyperparameters.join(structure.parts, arguments)
    return make_train_step(
        parts.model,
        parts.problem,
        make_optimizer(parts.optimizer, parts.total_steps),
        augment_raw=partial(augment.apply, parts.augment, raw=True),
        transform=structure.transform,
        augment=partial(augment.apply, parts.augment, raw=False),
        microbatch=structure.microbatch,
        ema_decay=parts.ema_decay,
        average_from=None if parts.average_last is None else parts.total_steps * (1 - parts.average_last),
        axis_name=structure.layout.axis_name,
        frozen=getattr(parts.optimizer, "frozen", None),
        norms=structure.norms,
        map_gradients=partial(map_gradients, layout=structure.layout),
    )


def _is_averaged(parts: Parts) -> bool:
    return parts.ema_decay is not None or parts.average_last is not None


def scheduled_learning_rate(structure: Structure, arguments: jax.Array, step: jax.Array) -> jax.Array:
    """Returns the learning rate of a step, scalar float32; arguments are those of `make_state`, and the step from 0."""
    parts = hyperparameters.join(structure.parts, arguments)
    return learning_rate(parts.optimizer, parts.total_steps, step)
