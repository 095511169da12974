"""An experiment's parts put together for its data: model, optimizer and compiled steps."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.extend.core import Jaxpr, subjaxprs

from jaxflow.data.batching.order import num_steps
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.optimizers.base import make_optimizer
from jaxflow.schema import Schema, Split
from jaxflow.training.checks import _check_categories, _check_shapes
from jaxflow.training.gradients import StepGradients, make_gradient_step
from jaxflow.training.input_pipeline import InputPipeline
from jaxflow.training.parallel.compile import compose_train_step, parallelize, parallelize_train_steps
from jaxflow.training.parallel.layout import Layout, make_layout
from jaxflow.training.state import TrainState, init_state
from jaxflow.training.steps import make_eval_step, make_predict_step, make_update_step
from jaxflow.transforms import augment, preprocess
from jaxflow.transforms.tta import identity_views

# Inputs and outputs of an evaluation's batch, in numbers: what an encoder keeps of them may be a hundred times as much.
MAX_NUMBERS = 1 << 23


@dataclass(frozen=True)
class Program:
    """What an experiment computes, for data of a given schema and size.

    Attributes:
      experiment: what was put together; its problem is fitted to the training targets.
      schema: what the data holds.
      layout: the devices.
      model: the network with its output width filled in.
      tx: the optimizer.
      transform: fitted preprocessing.
      total_steps: steps of the whole run.
    """

    experiment: Experiment
    schema: Schema
    layout: Layout
    model: nn.Module
    tx: optax.GradientTransformation
    transform: Callable[[jax.Array], jax.Array]
    total_steps: int

    def init(self, examples: np.ndarray) -> TrainState:
        """Makes the state of step 0, on every device.

        Args:
          examples: raw inputs that the model may initialise itself by, (examples, ...).

        Returns:
          The state.
        """
        return self.init_step()(np.uint32(self.experiment.seed), examples)

    def abstract_state(self) -> TrainState:
        """Describes the state without computing it: shapes, dtypes and where each leaf lies."""
        example = jax.ShapeDtypeStruct((1, *self.schema.inputs.shape), self.schema.inputs.dtype)
        state = jax.eval_shape(self._make_state, jax.ShapeDtypeStruct((), jnp.uint32), example)
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self.layout.sharding(leaf)), state
        )

    def init_step(self) -> Callable[[np.uint32, np.ndarray], TrainState]:
        """Compiles (seed, raw inputs) -> state of step 0."""
        # It runs once, and the compiler takes four times as long to make it fast as it takes to make it.
        options = {"xla_backend_optimization_level": 1} if self.layout.devices[0].platform == "cpu" else None
        where = self.layout.replicated
        if self.layout.shards_state:
            where = jax.tree.map(lambda leaf: leaf.sharding, self.abstract_state())
        return jax.jit(self._make_state, out_shardings=where, compiler_options=options)

    # The key is made inside: an operation outside would be a program of its own, compiled or looked up by itself.
    def _make_state(self, seed: jax.Array, examples: jax.Array) -> TrainState:
        key = jax.random.key(seed)
        return init_state(self.model, self.tx, key, self.transform(examples), self.experiment.ema_decay is not None)

    def compile_train_steps(self, feed: InputPipeline, state: TrainState) -> Callable[..., Any]:
        """Compiles (state, totals, resident, items, count) -> (state, totals, metrics of the last step).

        Args:
          feed: where the batches come from.
          state: a state as it will be trained; its values do not matter.

        Returns:
          The function; it takes `count` steps, one for each of the first items, (step, batch, ...).
        """
        experiment = self.experiment
        update = make_update_step(self.tx, ema_decay=experiment.ema_decay)
        sums_of = make_gradient_step(
            self.model,
            experiment.problem,
            augment_raw=partial(augment.apply, experiment.augment, raw=True),
            transform=self.transform,
            augment=partial(augment.apply, experiment.augment, raw=False),
            microbatch=experiment.microbatch,
            axis=self.layout.axis,
        )

        def first_half(state: TrainState, resident: Any, item: Any) -> StepGradients:
            return sums_of(state, feed.get_batch(resident, item))

        def second_half(state: TrainState, totals: Any, sums: StepGradients) -> tuple[TrainState, Any, Any]:
            after = update(state, sums)
            # Added up on the device: the host looks only when a line is due. A skipped step counts nowhere.
            counted = after.skipped == state.skipped
            merged = {
                name: totals[name].merge(jax.tree.map(lambda leaf: jnp.where(counted, leaf, 0), metric))
                for name, metric in sums.metrics.items()
            }
            return after, merged, sums.metrics

        one = jax.jit(compose_train_step(first_half, second_half, self.layout))

        def many(state: TrainState, totals: Any, resident: Any, items: Any, count: jax.Array) -> tuple[Any, Any, Any]:
            def body(number: jax.Array, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
                return one(*carry[:2], resident, jax.tree.map(lambda leaf: leaf[number], items))

            # One program for any number of steps, so that how a run is cut into dispatches never shows in its bits.
            return jax.lax.fori_loop(0, count, body, (state, totals, totals))

        first = jax.tree.map(lambda leaf: leaf[0], feed.step_inputs(0, 1))
        if feed.max_steps > 1 and self._may_loop(one, state, self.empty_metrics(), feed.device_data, first):
            return parallelize_train_steps(many, self.layout, state, (None, None, None, 1, None))
        compiled = parallelize_train_steps(one, self.layout, state, (None, None, None, 0))

        def one_by_one(state: TrainState, totals: Any, resident: Any, items: Any, count: int) -> tuple[Any, Any, Any]:
            for number in range(count):
                item = jax.tree.map(lambda leaf, number=number: leaf[number], items)
                state, totals, last = compiled(state, totals, resident, item)
            return state, totals, last

        return one_by_one

    def _may_loop(self, step: Callable[..., Any], *arguments: Any) -> bool:
        """Whether several steps may be one dispatch: on CPU, lax's convolutions are five times slower in a loop."""
        if self.layout.devices[0].platform != "cpu":
            return True
        # The trace is kept by jit and used again, so looking costs nothing.
        return self.layout.axis is None and not _uses(step.trace(*arguments).jaxpr.jaxpr, "conv_general_dilated")

    def compile_eval_step(self) -> Callable[..., Any]:
        """Compiles (variables, batch) -> (metrics, predictions)."""
        step = make_eval_step(
            self.model, self.experiment.problem, transform=self.transform, tta=self._tta(), axis=self.layout.axis
        )
        return parallelize(step, self.layout, (None, 0), (None, 0))

    def compile_predict_step(self) -> Callable[..., Any]:
        """Compiles (variables, inputs) -> predictions, on one device."""
        step = make_predict_step(self.model, self.experiment.problem, transform=self.transform, tta=self._tta())
        return jax.jit(lambda variables, inputs: step(variables, inputs)[1])

    def _tta(self) -> Callable[..., Any]:
        return identity_views if self.experiment.tta is None else self.experiment.tta

    def evaluation_batch_size(self, split: Split) -> int:
        """Chooses the rows of an evaluation's batches: without gradients to keep, 256 are no burden, but of volumes."""
        target = self.schema.target
        outputs = math.prod(target.dense_shape) * self.experiment.problem.num_outputs(self.schema)
        fitting = MAX_NUMBERS // (math.prod(self.schema.inputs.shape) + outputs)
        rows = min(max(self.experiment.batch_size, min(256, fitting)), len(split))
        devices = len(self.layout.devices)
        return -(-rows // devices) * devices

    def empty_metrics(self) -> dict[str, Any]:
        """Makes the metrics of no examples, on every device."""
        target = self.schema.target
        targets = jax.ShapeDtypeStruct((1, *target.shape), target.dtype)
        width = self.experiment.problem.num_outputs(self.schema)
        outputs = jax.ShapeDtypeStruct((1, *target.dense_shape, width), jnp.float32)
        floats = jax.ShapeDtypeStruct((1, *target.dense_shape), jnp.float32)
        metrics = jax.eval_shape(self.experiment.problem.running_metrics, outputs, targets, floats, floats)
        return self.layout.replicate(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), metrics))


def _uses(jaxpr: Jaxpr, primitive: str) -> bool:
    """Whether a program has an operation anywhere in it."""
    here = any(equation.primitive.name == primitive for equation in jaxpr.eqns)
    return here or any(_uses(inner, primitive) for inner in subjaxprs(jaxpr))


def build_program(experiment: Experiment, schema: Schema, fitted: Sequence[Any], train_size: int) -> Program:
    """Puts an experiment's parts together and checks that they fit, before anything is computed.

    Args:
      experiment: the experiment, its problem fitted.
      schema: what its data holds.
      fitted: what its preprocessing was fitted to.
      train_size: examples in the training split.

    Returns:
      The program.

    Raises:
      UserError: the model does not take these inputs or gives outputs of another width than the problem needs.
    """
    layout = make_layout(experiment.strategy)
    needed = experiment.problem.num_outputs(schema)
    model = experiment.model
    inputs = schema.inputs
    sizes = {"outputs": needed, "cardinalities": inputs.cardinalities, "vocab_size": inputs.vocab_size}
    for name, value in sizes.items():
        if value is not None and getattr(model, name, value) is None:
            model = dataclasses.replace(model, **{name: value})
    if schema.target.dense_shape and experiment.tta is not None:
        raise UserError("tta turns images and not what is predicted for each of their places; leave tta=None")
    _check_categories(experiment, model, schema.inputs)
    if experiment.sampling == "balanced" and (schema.target.kind != "class" or schema.target.dense_shape):
        has = "numbers" if schema.target.kind == "number" else "a class for each place"
        raise UserError(f"sampling 'balanced' goes by each example's class, and the data has {has}; leave it 'shuffle'")
    total_steps = num_steps(experiment.epochs, train_size, experiment.batch_size)
    transform = partial(preprocess.apply, experiment.preprocess, fitted)
    _check_shapes(model, transform, schema, needed)
    return Program(
        experiment, schema, layout, model, make_optimizer(experiment.optimizer, total_steps), transform, total_steps
    )
