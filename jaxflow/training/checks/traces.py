"""Traces of a run's steps, which show whether its parts fit before anything is computed or written."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from jaxflow.training.eval_loop import abstract_batch
from jaxflow.training.input_pipeline import InputPipeline
from jaxflow.training.parallel.layout import Layout
from jaxflow.training.program import Program, eval_function
from jaxflow.training.steps import Metrics
from jaxflow.training.structure import Structure, train_step


def trace_training(program: Program, pipeline: InputPipeline) -> Metrics:
    """Traces a train step, on one device with the trace that `compile_train_steps` uses again.

    Returns:
      Shapes of its metrics.

    Raises:
      Exception: a part does not fit.
    """
    if program.layout.axis_name is None:
        step, example = program.step_example(pipeline)
        return step.trace(*example).out_info[-1]
    rows = program.structure.microbatch or program.experiment.batch_size // len(program.layout.devices)
    return _trace_alone(program.structure, program.arguments, rows)


def trace_evaluation(program: Program, rows: int) -> Metrics:
    """Traces an evaluation step of so many rows, on one device with the trace that the step itself uses again.

    Returns:
      Shapes of its metrics.

    Raises:
      Exception: a part does not fit.
    """
    structure = program.structure
    if program.layout.axis_name is not None:
        structure = replace(structure, layout=Layout(program.layout.devices[:1]))
    batch = abstract_batch(structure.schema, rows)
    variables, arguments = (
        program.abstract_state().variables(),
        jax.ShapeDtypeStruct(program.arguments.shape, jnp.float32),
    )
    return jax.eval_shape(eval_function(structure).run, arguments, variables, batch)[0]


def _trace_alone(structure: Structure, arguments: np.ndarray, rows: int) -> Metrics:
    """Traces a train step of one microbatch, of so many rows, on one device, and returns the shapes of its metrics."""
    alone = replace(structure, layout=Layout(structure.layout.devices[:1]), microbatch=None)
    number = jax.ShapeDtypeStruct((rows,), jnp.int32)
    batch = {name: part for name, part in abstract_batch(structure.schema, rows).items() if name != "weights"}
    batch |= {"index": number, "epoch": number}
    state = alone.abstract_state
    return jax.eval_shape(lambda *given: train_step(alone, given[0])(*given[1:])[1], arguments, state, batch)
