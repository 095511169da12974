"""Checks that model, problem and data fit together, before anything is computed."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax

from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.interfaces import Problem
from jaxflow.schema import Feature, Schema
from jaxflow.transforms.preprocess import abstract_inputs


def check_fit(experiment: Experiment, schema: Schema) -> None:
    """Checks that what an experiment asks for makes sense for the target of its data.

    Raises:
      UserError: it does not.
    """
    target = schema.target
    if target.dense_shape and experiment.tta is not None:
        raise UserError(
            "tta averages over views of an image, and here each pixel has a target of its own; leave tta=None"
        )
    if experiment.sampling == "balanced" and (target.kind != "class" or target.dense_shape):
        has = "numbers" if target.kind == "number" else "a class for each position"
        raise UserError(f"sampling 'balanced' goes by each example's class, and the data has {has}; leave it 'shuffle'")


def check_cardinalities(experiment: Experiment, model: nn.Module, inputs: Feature) -> None:
    """Checks that the numbers of categories reach a model that embeds them, as they are."""
    expected = getattr(model, "cardinalities", ())
    if inputs.kind == "tokens" or expected == inputs.cardinalities == ():
        return
    what, name = "the numbers of categories in its last columns", type(model).__name__
    if not hasattr(model, "cardinalities"):
        raise UserError(f"the data has {what}; model {name} does not embed them: use MLP, or Category(encode='onehot')")
    if expected != inputs.cardinalities:
        raise UserError(
            f"model.cardinalities is {expected}, and the data has {inputs.cardinalities}; leave cardinalities=None"
        )
    for field in ("preprocess", "augment"):
        for part in getattr(experiment, field)[:1]:
            raise UserError(
                f"the data has {what}, which {field} would change by {type(part).__name__}; a table scales its own "
                f"numbers: leave {field}=()"
            )


def check_shapes(model: nn.Module, problem: Problem, transform: Callable[..., Any], schema: Schema) -> None:
    """Checks that a model takes the inputs of a schema, that its outputs are what the problem needs, and its losses.

    Raises:
      UserError: it does not, or they are not.
    """
    inputs, needed = abstract_inputs(schema.inputs, 1), problem.num_outputs(schema)
    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        outputs, _ = jax.eval_shape(lambda key, x: model.init_with_output(key, transform(x), train=False), key, inputs)
    except UserError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        shape = jax.tree.map(lambda leaf: leaf.shape[1:], inputs)
        raise UserError(
            f"model {type(model).__name__} fails on inputs of shape {shape}: {type(error).__name__}: "
            f"{next(iter(str(error).splitlines()), '')} ({Path(where.filename).name}:{where.lineno})"
        ) from error
    if outputs.shape[-1] != needed:
        raise UserError(
            f"the model gives {outputs.shape[-1]} outputs, but the problem needs {needed}; leave outputs=None"
        )
    if outputs.shape[1:-1] != schema.target.dense_shape:
        raise UserError(
            f"model {type(model).__name__} gives outputs of shape {outputs.shape[1:]} for an example, but the data has "
            f"targets of shape {schema.target.dense_shape}; use a model that answers for each of these positions, or "
            f"none"
        )
    targets = jax.ShapeDtypeStruct((1, *schema.target.shape), schema.target.dtype)
    losses = jax.eval_shape(problem.losses, outputs, targets)
    if losses.shape != (1, *schema.target.dense_shape):
        raise UserError(
            f"problem {type(problem).__name__} gives losses of shape {losses.shape} for a batch of 1; a loss is not "
            f"reduced: it gives {(1, *schema.target.dense_shape)}, a number for each target (docs/extend.md)"
        )
