"""An experiment's parts put together for its data: what is compiled, and with which hyperparameters it runs."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow import hyperparameters
from jaxflow.experiment import Experiment
from jaxflow.interfaces import output_shape
from jaxflow.optimizers.base import scaled
from jaxflow.schema import Batch, Schema, Split
from jaxflow.training.eval_loop import abstract_batch
from jaxflow.training.input_pipeline import InputPipeline
from jaxflow.training.parallel import dispatch, memory
from jaxflow.training.parallel.compile import Compiled, parallelize
from jaxflow.training.parallel.layout import Layout, bytes_per_device
from jaxflow.training.state import TrainState
from jaxflow.training.steps import Metrics, make_eval_step, make_predict_step
from jaxflow.training.structure import Structure, make_state, parts_of, scheduled_learning_rate, train_step
from jaxflow.training.updates.norms import norms_of
from jaxflow.transforms.tta import identity_views

# Inputs and outputs of an evaluation's batch, in numbers: what an encoder keeps of them may be a hundred times as much.
MAX_NUMBERS = 1 << 23


@dataclass(frozen=True)
class Program:
    """What an experiment computes, for data of a given schema and size.

    Attributes:
      experiment: what was put together; its model has its sizes, its problem is fitted to the training targets.
      structure: what is compiled.
      arguments: the hyperparameters that what is compiled takes, (arguments,) float32.
      total_steps: steps of the whole run.
    """

    experiment: Experiment
    structure: Structure
    arguments: np.ndarray
    total_steps: int

    @property
    def schema(self) -> Schema:
        """What the data holds."""
        return self.structure.schema

    @property
    def layout(self) -> Layout:
        """The devices."""
        return self.structure.layout

    @property
    def target_shift(self) -> tuple[float, ...] | None:
        """What the host subtracts from targets and adds to predictions, as `Regression.shift`."""
        return getattr(self.experiment.problem, "shift", None)

    @property
    def model(self) -> nn.Module:
        """The network with its sizes filled in."""
        return self.experiment.model

    def init(self, examples: Any, weights: Mapping[str, Any] | None = None) -> TrainState:
        """Builds the state of step 0, on every device.

        Args:
          examples: raw inputs that the model may initialise itself by, (examples, ...).
          weights: by path, which take the places of the initial ones where they fit.

        Returns:
          The state.
        """
        return _init_function(self.structure)(self.arguments, np.uint32(self.experiment.seed), examples, weights or {})

    def abstract_state(self) -> TrainState:
        """Returns the state without computing it: shapes, dtypes and shardings."""
        return self.structure.abstract_state

    def compile_train_steps(
        self, pipeline: InputPipeline, state: TrainState | None = None
    ) -> Callable[..., tuple[TrainState, Metrics, Metrics]]:
        """Compiles several train steps.

        Args:
          pipeline: where the batches come from.
          state: the state that they begin with, where it is in memory already.

        Returns:
          (state, totals, device_data, items, count, factor=1.0) -> (state, totals, metrics of the last step); it takes
          `count` steps, one for each of the first items, (step, batch, ...), with that factor of the learning rates,
          and adds their metrics to `totals`.

        Raises:
          UserError: a step needs more memory than there is.
        """
        step, example = self.step_example(pipeline)
        loop = pipeline.max_steps > 1 and dispatch.may_loop(step, self.layout, *example)
        compiled = _dispatch_function(self.structure, pipeline.get_batch, loop)
        peak = memory.peak_bytes(compiled, *example[:4], pipeline.input_shapes, 1)
        held = bytes_per_device((pipeline.device_data, state))
        memory.check_fits(self.layout, peak - held, "a train step", self.advice)
        numbers = functools.cache(lambda factor: self.layout.replicate(self.arguments_at(factor)))

        def train_steps(state: Any, totals: Any, data: Any, items: Any, count: Any, factor: float = 1.0) -> Any:
            return compiled(state, totals, numbers(factor), data, items, count)

        return train_steps

    def arguments_at(self, factor: float) -> np.ndarray:
        """Returns the hyperparameters where plateaus have lowered the learning rates by a factor."""
        optimizer = scaled(self.experiment.optimizer, factor)
        parts = parts_of(replace(self.experiment, optimizer=optimizer), self.total_steps)
        return self.arguments if factor == 1.0 else hyperparameters.split(parts)[1]

    @property
    def advice(self) -> str:
        """What to do where memory does not suffice."""
        return memory.advice_for(self.model, self.layout, self.structure.microbatch)

    def check_evaluation_fits(self, rows: int) -> None:
        """Raises UserError if there is no memory for evaluating batches of `rows` rows; it compiles what evaluates."""
        variables, arguments = self.abstract_state().variables(), self.layout.replicate(self.arguments)
        batch = abstract_batch(self.schema, rows // self.layout.processes)
        peak = memory.peak_bytes(eval_function(self.structure), arguments, variables, batch)
        needed, what = peak - bytes_per_device(variables), f"an evaluation of {rows} examples at once"
        memory.check_fits(self.layout, needed, what, "use a smaller model")

    def step_example(self, pipeline: InputPipeline) -> tuple[Any, tuple[Any, ...]]:
        """Returns the jitted train step and what it is called with, or its shapes."""
        item = jax.tree.map(dispatch.item_shape, pipeline.input_shapes)
        arguments = self.layout.replicate(self.arguments)
        example = (self.abstract_state(), self.empty_metrics(), arguments, pipeline.device_data, item)
        return _step_function(self.structure, pipeline.get_batch), example

    def compile_eval_step(self) -> Callable[..., Any]:
        """Compiles (variables, batch) -> (metrics, rows), as `make_eval_step` has them."""
        return partial(eval_function(self.structure), self.layout.replicate(self.arguments))

    def compile_predict_step(self, *, raw: bool = False) -> Callable[..., Any]:
        """Compiles (variables, inputs) -> predictions, or raw outputs, on one device."""
        return partial(_predict_function(self.structure, raw), self.arguments)

    def learning_rate(self, step: int) -> float:
        """Returns the learning rate of a step, from 0."""
        return float(_learning_rate_function(self.structure)(self.arguments, step))

    def evaluation_batch_size(self, split: Split) -> int:
        """Returns the rows of an evaluation's batches: without gradients to keep, 256 are no burden, but of volumes."""
        outputs = math.prod(output_shape(self.experiment.problem, self.schema))
        fitting, devices = MAX_NUMBERS // (self.schema.inputs.size + outputs), len(self.layout.devices)
        # What training computes at once fits; whole batches may not where microbatches are asked for.
        trained = (self.structure.microbatch or 0) * devices or self.experiment.batch_size
        rows = min(max(trained, min(256, fitting)), len(split))
        return -(-rows // devices) * devices

    def empty_metrics(self) -> Metrics:
        """Builds the metrics of no examples, on every device."""
        problem, target = self.experiment.problem, self.schema.target
        targets = jax.ShapeDtypeStruct((1, *target.shape), target.dtype)
        outputs = jax.ShapeDtypeStruct((1, *output_shape(problem, self.schema)), jnp.float32)
        floats = jax.ShapeDtypeStruct((1, *target.loss_shape), jnp.float32)
        metrics = dict(jax.eval_shape(problem.running_metrics, outputs, targets, floats, floats))
        if self.structure.norms:
            metrics |= jax.eval_shape(norms_of, floats, floats, floats)
        return self.layout.replicate(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), metrics))


# What is compiled is shared by equal structures: a second run that differs in hyperparameters alone compiles nothing.
_once = functools.lru_cache(maxsize=32)


@_once
def _init_function(structure: Structure) -> Callable[..., TrainState]:
    # It runs once, and the compiler takes four times as long to make it fast as it takes to make it.
    options = {"xla_backend_optimization_level": 1} if structure.layout.devices[0].platform == "cpu" else None
    where = structure.layout.replicated
    if structure.layout.shards_state:
        where = jax.tree.map(lambda leaf: leaf.sharding, structure.abstract_state)
    return jax.jit(partial(make_state, structure), out_shardings=where, compiler_options=options)


@_once
def _step_function(structure: Structure, get_batch: Callable[..., Batch]) -> Callable[..., Any]:
    """Returns the jitted step (state, totals, arguments, device_data, item) -> (state, totals, metrics)."""

    def accumulating_step(state: TrainState, totals: Metrics, arguments: jax.Array, device_data: Any, item: Any) -> Any:
        after, metrics = train_step(structure, arguments)(state, get_batch(device_data, item))
        # Added up on the device: the host looks only when a line is due. A skipped step counts nowhere.
        counted = after.skipped == state.skipped
        merged = {
            name: totals[name].merge(jax.tree.map(lambda leaf: jnp.where(counted, leaf, 0), metric))
            for name, metric in metrics.items()
        }
        return after, merged, metrics

    return jax.jit(accumulating_step)


@_once
def _dispatch_function(structure: Structure, get_batch: Callable[..., Batch], loop: bool) -> Compiled:
    return dispatch.multi_step(_step_function(structure, get_batch), structure.layout, structure.abstract_state, loop)


@_once
def eval_function(structure: Structure) -> Compiled:
    """Returns the compiled (arguments, variables, batch) -> (metrics, rows)."""

    def evaluate(arguments: jax.Array, variables: Any, batch: Batch) -> Any:
        parts = hyperparameters.join(structure.parts, arguments)
        step = make_eval_step(
            parts.model,
            parts.problem,
            transform=structure.transform,
            tta=structure.tta or identity_views,
            axis_name=structure.layout.axis_name,
        )
        return step(variables, batch)

    return parallelize(evaluate, structure.layout, (None, None, 0), (None, 0))


@_once
def _predict_function(structure: Structure, raw: bool) -> Callable[..., Any]:
    def predict(arguments: jax.Array, variables: Any, inputs: Any) -> Any:
        parts = hyperparameters.join(structure.parts, arguments)
        tta = structure.tta or identity_views
        step = make_predict_step(parts.model, parts.problem, transform=structure.transform, tta=tta)
        return step(variables, inputs)[0 if raw else 1]

    return jax.jit(predict)


@_once
def _learning_rate_function(structure: Structure) -> Callable[..., jax.Array]:
    return jax.jit(partial(scheduled_learning_rate, structure))
