"""Checks of shapes and dtypes: what model, loss and steps return, before anything is computed."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.interfaces import Problem, output_shape
from jaxflow.schema import Schema
from jaxflow.serialization import classes_of
from jaxflow.transforms.preprocess import abstract_inputs
from jaxflow.user_code import calling, failed, is_own

# Examples in a batch that shapes are checked with: not one, so that a batch axis is not taken for another.
ROWS = 3


def check_shapes(model: nn.Module, problem: Problem, transform: Callable[..., Any], schema: Schema) -> None:
    """Checks that a model takes the inputs of a schema, that its outputs are what the problem needs, and its losses.

    Raises:
      UserError: it does not, or they are not.
    """
    inputs, needed, name = abstract_inputs(schema.inputs, ROWS), problem.num_outputs(schema), type(model).__name__
    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        outputs, variables = jax.eval_shape(
            lambda key, x: model.init_with_output(key, transform(x), train=False), key, inputs
        )
    except (Exception, SystemExit) as error:
        shape = jax.tree.map(lambda leaf: leaf.shape[1:], inputs)
        raise failed(f"model {name} on inputs of shape {shape}", error) from error
    if not _is_floats(outputs) or outputs.ndim < 2 or outputs.shape[0] != ROWS:
        raise UserError(
            f"model {name} returns {_described(outputs)} for a batch of {ROWS}; it must return its raw outputs, an "
            f"array of floats, ({ROWS}, ..., outputs)"
        )
    if not jax.tree.leaves(variables.get("params")):
        raise UserError(f"model {name} has no parameters: there is nothing to train; give it a layer that has")
    if outputs.shape[-1] != needed:
        advice = "leave outputs=None" if hasattr(model, "outputs") else "it has no field `outputs`: take another model"
        raise UserError(f"the model {name} gives {outputs.shape[-1]} outputs, but the problem needs {needed}; {advice}")
    *positions, _ = output_shape(problem, schema)
    if hasattr(problem, "output_positions") and outputs.shape[1:-1] != tuple(positions):
        raise UserError(
            f"model {name} gives outputs of shape {outputs.shape[1:]} for an example, and problem "
            f"{type(problem).__name__} needs {output_shape(problem, schema)}; use a model made for it"
        )
    own_frames = hasattr(problem, "check_lengths") and outputs.ndim == len(positions) + 2
    if not own_frames and outputs.shape[1:-1] != tuple(positions):
        raise UserError(
            f"model {name} gives outputs of shape {outputs.shape[1:]} for an example, but the data has "
            f"targets of shape {tuple(positions)}; use a model that answers for each of these positions, or "
            f"none"
        )
    if is_own(model):
        _check_training_outputs(model, transform, variables, inputs, outputs)
    targets = jax.ShapeDtypeStruct((ROWS, *schema.target.shape), schema.target.dtype)
    try:
        losses = jax.eval_shape(problem.losses, outputs, targets)
    except (Exception, SystemExit) as error:
        raise failed(f"the loss of problem {type(problem).__name__}", error) from error
    if not _is_floats(losses) or losses.shape != (ROWS, *schema.target.loss_shape):
        raise UserError(
            f"problem {type(problem).__name__} gives losses of shape {_described(losses)} for a batch of {ROWS}; a "
            f"loss is not reduced: it gives {(ROWS, *schema.target.loss_shape)}, a number for each target "
            "(docs/extend.md)"
        )
    if is_own(problem):
        _check_answers(problem, outputs)


def check_lengths(model: nn.Module, problem: Problem, transform: Callable[..., Any], dataset: Dataset) -> None:
    """Checks that a model answers often enough for the targets, where these are texts that are read out of frames.

    Raises:
      UserError: it does not; the first such example is named.
    """
    too_long = getattr(problem, "check_lengths", None)
    if too_long is None:
        return
    inputs = abstract_inputs(dataset.schema.inputs, ROWS)
    outputs, _ = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), transform(x), train=False), inputs)
    for name, split in dataset.splits.items():
        wrong = np.flatnonzero(too_long(outputs.shape[1], split.targets))
        if len(wrong):
            raise UserError(
                f"{name} example {name_of(split, int(wrong[0]))} has a text of {(split.targets[wrong[0]] >= 0).sum()} "
                f"characters, and the model answers for {outputs.shape[1]} frames, which are too few ({len(wrong)} "
                "such examples; a repeated character takes two): use longer inputs, a model of smaller strides, or "
                "leave them out"
            )


def _check_training_outputs(model: nn.Module, transform: Callable[..., Any], variables: Any, *arrays: Any) -> None:
    """Raises if a model of the user's own returns something else in training than it does otherwise."""

    def apply(key: jax.Array, variables: Any, inputs: Any) -> Any:
        return model.apply(
            variables, transform(inputs), train=True, rngs={"dropout": key}, mutable=[*variables, "intermediates"]
        )

    inputs, outputs = arrays
    key, name = jax.eval_shape(lambda: jax.random.key(0)), type(model).__name__
    try:
        training, _ = jax.eval_shape(apply, key, variables, inputs)
    except (Exception, SystemExit) as error:
        raise failed(f"model {name} with train=True", error) from error
    if not _is_floats(training) or training.shape != outputs.shape:
        raise UserError(
            f"model {name} returns {_described(training)} with train=True and {_described(outputs)} without; it must "
            "return outputs of one shape"
        )


def _check_answers(problem: Problem, outputs: Any) -> None:
    """Raises if a problem of the user's own makes no arrays of the model's outputs."""
    for name in ("distribution", "predictions"):
        with calling(f"{name} of problem {type(problem).__name__}", problem):
            made = jax.eval_shape(getattr(problem, name), outputs)
        if not isinstance(made, jax.ShapeDtypeStruct) or made.shape[:1] != (ROWS,):
            raise UserError(
                f"{name} of problem {type(problem).__name__} returns {_described(made)} for a batch of {ROWS}; it "
                f"must return an array, ({ROWS}, ...)"
            )


def check_steps(experiment: Experiment, *traces: Callable[[], Mapping[str, Any]]) -> None:
    """Checks that the steps of a run can be traced, before anything is written, and that they measure the loss.

    Args:
      experiment: what the steps are made of.
      *traces: each traces a step and returns its metrics.

    Raises:
      UserError: one fails; the part that fails is named, or the line of the user's own code.
    """
    problem = experiment.problem
    for trace in traces:
        try:
            metrics = trace()
            if not isinstance(metrics, Mapping) or "loss" not in metrics:
                raise UserError(
                    f"running_metrics of problem {type(problem).__name__} returns {list(metrics)}; it must return a "
                    "dict of metrics by name, 'loss' among them"
                )
            for metric, value in metrics.items():
                if not (hasattr(value, "merge") and hasattr(value, "compute")):
                    raise UserError(
                        f"metric {metric} returns {_described(value)}; it must return what merges over batches, for "
                        "example jaxflow.Mean.of(values, weights)"
                    )
        except (Exception, SystemExit) as error:
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            kinds = [type(frame.f_locals.get("self")) for frame in frames]
            known = set(classes_of(experiment).values())
            name = next((kind.__name__ for kind in reversed(kinds) if kind in known), "a step of this experiment")
            raise failed(f"{name} on this data", error) from error


def _is_floats(value: Any) -> bool:
    return isinstance(value, jax.ShapeDtypeStruct) and jnp.issubdtype(value.dtype, jnp.floating)


def _described(value: Any) -> str:
    """Returns what a function returned, in an error: the shape of an array, else its type."""
    if isinstance(value, jax.ShapeDtypeStruct):
        return f"{value.shape}" if _is_floats(value) else f"{value.shape} {value.dtype}"
    return "None" if value is None else f"a {type(value).__name__}"
