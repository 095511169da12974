"""An experiment's parts put together for its data: what is compiled, and with which hyperparameters it runs."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow import hyperparameters
from jaxflow.experiment import Experiment
from jaxflow.interfaces import Batch
from jaxflow.optimizers.base import make_optimizer
from jaxflow.schema import Schema, Split
from jaxflow.training.eval_loop import abstract_batch
from jaxflow.training.input_pipeline import InputPipeline
from jaxflow.training.parallel import dispatch, memory
from jaxflow.training.parallel.compile import Compiled, map_gradients, parallelize
from jaxflow.training.parallel.layout import Layout, bytes_per_device
from jaxflow.training.state import TrainState
from jaxflow.training.steps import Metrics, make_eval_step, make_predict_step, make_train_step
from jaxflow.training.structure import Structure, make_state, scheduled_learning_rate
from jaxflow.transforms import augment
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

    def init(self, examples: Any) -> TrainState:
        """Builds the state of step 0, on every device.

        Args:
          examples: raw inputs that the model may initialise itself by, (examples, ...).

        Returns:
          The state.
        """
        return _init_function(self.structure)(self.arguments, np.uint32(self.experiment.seed), examples)

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
          (state, totals, device_data, items, count) -> (state, totals, metrics of the last step); it takes `count`
          steps, one for each of the first items, (step, batch, ...), and adds their metrics to `totals`.

        Raises:
          UserError: a step needs more memory than there is.
        """
        step, example = self.step_example(pipeline)
        loop = pipeline.max_steps > 1 and dispatch.may_loop(step, self.layout, *example)
        compiled = _dispatch_function(self.structure, pipeline.get_batch, loop)
        peak = memory.peak_bytes(compiled, *example[:4], pipeline.input_shapes, 1)
        held = bytes_per_device((pipeline.device_data, state))
        memory.check_fits(self.layout, peak - held, "a train step", self.advice)
        return lambda state, totals, *rest: compiled(state, totals, example[2], *rest)

    @property
    def advice(self) -> str:
        """What to do where memory does not suffice."""
        return memory.advice_for(self.model, self.layout, self.structure.microbatch)

    def check_evaluation_fits(self, rows: int) -> None:
        """Raises UserError if there is no memory for evaluating batches of `rows` rows; it compiles what evaluates."""
        variables, arguments = self.abstract_state().variables(), self.layout.replicate(self.arguments)
        batch = abstract_batch(self.schema, rows // self.layout.processes)
        peak = memory.peak_bytes(eval_function(self.structure), arguments, variables, batch)
        what = f"an evaluation of {rows} examples at once"
        memory.check_fits(self.layout, peak - bytes_per_device(variables), what, "use a smaller model")

    def step_example(self, pipeline: InputPipeline) -> tuple[Any, tuple[Any, ...]]:
        """Returns the jitted train step and what it is called with, or its shapes."""
        item = jax.tree.map(dispatch.item_shape, pipeline.input_shapes)
        arguments = self.layout.replicate(self.arguments)
        example = (self.abstract_state(), self.empty_metrics(), arguments, pipeline.device_data, item)
        return _step_function(self.structure, pipeline.get_batch), example

    def compile_eval_step(self) -> Callable[..., Any]:
        """Compiles (variables, batch) -> (metrics, rows), as `make_eval_step` has them."""
        return partial(eval_function(self.structure), self.layout.replicate(self.arguments))

    def compile_predict_step(self) -> Callable[..., Any]:
        """Compiles (variables, inputs) -> predictions, on one device."""
        return partial(_predict_function(self.structure), self.arguments)

    def learning_rate(self, step: int) -> float:
        """Returns the learning rate of a step, from 0."""
        return float(_learning_rate_function(self.structure)(self.arguments, step))

    def evaluation_batch_size(self, split: Split) -> int:
        """Returns the rows of an evaluation's batches: without gradients to keep, 256 are no burden, but of volumes."""
        outputs = math.prod(self.schema.target.dense_shape) * self.experiment.problem.num_outputs(self.schema)
        fitting, devices = MAX_NUMBERS // (self.schema.inputs.size + outputs), len(self.layout.devices)
        # What training computes at once fits; whole batches may not where microbatches are asked for.
        trained = (self.structure.microbatch or 0) * devices or self.experiment.batch_size
        rows = min(max(trained, min(256, fitting)), len(split))
        return -(-rows // devices) * devices

    def empty_metrics(self) -> Metrics:
        """Builds the metrics of no examples, on every device."""
        target, width = self.schema.target, self.experiment.problem.num_outputs(self.schema)
        targets = jax.ShapeDtypeStruct((1, *target.shape), target.dtype)
        outputs = jax.ShapeDtypeStruct((1, *target.dense_shape, width), jnp.float32)
        floats = jax.ShapeDtypeStruct((1, *target.loss_shape), jnp.float32)
        metrics = jax.eval_shape(self.experiment.problem.running_metrics, outputs, targets, floats, floats)
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
        axis_name=structure.layout.axis_name,
        map_gradients=partial(map_gradients, layout=structure.layout),
    )


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
def _predict_function(structure: Structure) -> Callable[..., Any]:
    def predict(arguments: jax.Array, variables: Any, inputs: Any) -> Any:
        parts = hyperparameters.join(structure.parts, arguments)
        tta = structure.tta or identity_views
        step = make_predict_step(parts.model, parts.problem, transform=structure.transform, tta=tta)
        return step(variables, inputs)[1]

    return jax.jit(predict)


@_once
def _learning_rate_function(structure: Structure) -> Callable[..., jax.Array]:
    return jax.jit(partial(scheduled_learning_rate, structure))
