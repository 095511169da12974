"""Experiment and dataset become a training session: fitted, checked, ready to compile."""

import dataclasses
import functools
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow import hyperparameters
from jaxflow.data.batching.order import num_steps, permutation
from jaxflow.data.dataset import Dataset, origins_of, shifted_split
from jaxflow.data.fingerprint import fingerprint
from jaxflow.errors import UserError
from jaxflow.experiment import Experiment
from jaxflow.optimizers.base import fixed_warmup, scaled
from jaxflow.problems.names import with_names
from jaxflow.schema import Schema, Split
from jaxflow.serialization import to_json
from jaxflow.training.checkpoints.data_check import digest_of_names
from jaxflow.training.checks import parts as checks
from jaxflow.training.checks import shapes
from jaxflow.training.checks.traces import trace_evaluation, trace_training
from jaxflow.training.events import Rhythm
from jaxflow.training.input_pipeline import InputPipeline, make_input_pipeline
from jaxflow.training.parallel.layout import Layout, make_layout
from jaxflow.training.parallel.memory import check_state_fits
from jaxflow.training.program import Program
from jaxflow.training.state import TrainState, check_fit
from jaxflow.training.structure import Structure, parts_of
from jaxflow.training.weights.reading import digest_of_weights, read_weights
from jaxflow.transforms import preprocess
from jaxflow.user_code import calling, is_own

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True)
class TrainingSession:
    """An experiment with its data, program and input pipeline.

    Attributes:
      meta: what a checkpoint carries so that it can be used without the data: schema, what was fitted, the split's size
        and which examples are in it.
    """

    experiment: Experiment
    dataset: Dataset
    program: Program
    pipeline: InputPipeline
    meta: dict[str, Any]

    @property
    def steps_per_epoch(self) -> float:
        """Steps in one pass over the training split; may be a fraction."""
        return len(self.dataset.splits["train"]) / self.experiment.batch_size

    @property
    def rhythm(self) -> Rhythm:
        """How often the run logs, validates and saves."""
        experiment = self.experiment
        validate = experiment.validate_every_epochs * self.steps_per_epoch
        return Rhythm(self.program.total_steps, experiment.log_every_steps, validate, experiment.checkpoint_every_steps)

    def init(self) -> TrainState:
        """Builds the state of step 0, of the training examples that the model asks for."""
        return self.program.init(self.init_examples(), self.weights)

    @functools.cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The weights that training starts from, by path; none where all are drawn.

        Raises:
          UserError: there are none in `init_from`, or none that fits the model.
        """
        if self.experiment.init_from is None:
            return {}
        weights = read_weights(Path(self.experiment.init_from))
        state = self.program.abstract_state()
        check_fit({"params": state.params, **state.model_state}, weights)
        checks.check_frozen(self.program.experiment.optimizer, state.params, weights)
        return weights

    def init_examples(self) -> np.ndarray:
        """Returns the first inputs of the first epoch: as many as the model's `init_examples` says, else one."""
        split, count = self.dataset.splits["train"], getattr(self.program.model, "init_examples", 1)
        return split.rows(permutation(len(split), self.experiment.seed, 0)[:count])["inputs"]


def prepare_training(experiment: Experiment, dataset: Dataset) -> TrainingSession:
    """Fits preprocessing and problem on the training split, and builds program and pipeline; writes nothing.

    Raises:
      UserError: experiment, data and devices do not fit together.
    """
    split = dataset.splits["train"]
    to_json(experiment)  # raises for what could not be written into the run folder
    if experiment.batch_size > len(split):
        raise UserError(
            f"batch_size {experiment.batch_size} is larger than the training split of {len(split)} examples; "
            f"--batch_size={min(32, len(split))} fits"
        )
    with calling("preprocess", experiment.preprocess):
        fitted = preprocess.fit(experiment.preprocess, split, dataset.schema.inputs)
    checks.check_patience(experiment, dataset)
    # What it is fitted to is less the origins of each example; of those that have none, the targets themselves.
    origins = origins_of(split, np.arange(len(split)))
    targets = split.targets if origins is None else split.targets - origins
    problem = checks.check_problem(experiment.problem, dataset.schema, targets)
    meta = {
        "schema": to_json(dataset.schema),
        "fitted": fitted,
        "problem": to_json(problem),
        "train_size": len(split),
        # Wherever it lies, a run resumes with the data it was trained on.
        "train_ids": digest_of_names(split),
        "contents": fingerprint(split),
    }
    meta |= {} if experiment.init_from is None else {"weights": digest_of_weights(Path(experiment.init_from))}
    meta |= {} if dataset.input_encoding is None else {"encoding": to_json(dataset.input_encoding)}
    try:
        json.dumps(meta)
    except TypeError as error:
        raise UserError(f"a transform's fit() must return plain lists, dicts and numbers ({error})") from error
    program = build_program(dataclasses.replace(experiment, problem=problem), dataset.schema, fitted, len(split))
    shapes.check_lengths(program.model, problem, program.structure.transform, dataset)
    program.layout.check_batch(experiment.batch_size, experiment.microbatch)
    pipeline = build_pipeline(shifted_split(split, program.target_shift), experiment, program.layout)
    shapes.check_steps(experiment, partial(trace_training, program, pipeline))
    evaluated = (experiment.model, experiment.problem, *experiment.preprocess)
    if any(map(is_own, evaluated)) or experiment.tta is not None:  # jaxflow's own evaluate what they train
        rows = program.evaluation_batch_size(dataset.splits.get("validation", split))
        shapes.check_steps(experiment, partial(trace_evaluation, program, rows))
    return TrainingSession(experiment, dataset, program, pipeline, meta)


def build_pipeline(split: Split, experiment: Experiment, layout: Layout) -> InputPipeline:
    """Builds the input pipeline of an experiment's training split."""
    return make_input_pipeline(
        split,
        layout,
        batch_size=experiment.batch_size,
        seed=experiment.seed,
        total_steps=num_steps(experiment.epochs, len(split), experiment.batch_size),
        sampling=experiment.sampling,
        data_placement=experiment.data_placement,
        num_workers=experiment.num_workers,
    )


def build_program(experiment: Experiment, schema: Schema, fitted: Sequence[Any], train_size: int) -> Program:
    """Builds the program of an experiment, and checks that its parts fit before anything is computed.

    Args:
      experiment: the experiment, its problem fitted.
      schema: what its data holds.
      fitted: what its preprocessing was fitted to.
      train_size: examples in the training split.

    Returns:
      The program.

    Raises:
      UserError: the model does not take these inputs, or its outputs are of another width than the problem needs.
    """
    checks.check_fit(experiment, schema)
    # Here, and not where it is fitted: it is the data's, and checkpoints hold what is fitted.
    experiment = dataclasses.replace(experiment, problem=with_names(experiment.problem, schema))
    model, inputs = experiment.model, schema.inputs
    outputs = experiment.problem.num_outputs(schema)
    sizes = {"outputs": outputs, "cardinalities": inputs.cardinalities, "vocab_size": inputs.vocab_size}
    sizes["context"] = inputs.shape[0] if inputs.kind == "tokens" else None
    sizes["per_position"] = bool(schema.target.dense_shape)
    for name, value in sizes.items():
        if value is not None and getattr(model, name, value) is None:
            model = dataclasses.replace(model, **{name: value})
    checks.check_cardinalities(experiment, model, inputs)
    checks.check_sequences(experiment.problem, model, inputs)
    checks.check_outputs(model, schema)
    total_steps = num_steps(experiment.epochs, train_size, experiment.batch_size)
    optimizer = fixed_warmup(experiment.optimizer, total_steps, train_size / experiment.batch_size)
    if experiment.reduce_on_plateau is not None:
        optimizer = scaled(optimizer, 1.0)  # a whole number is a float then, which the program takes as an argument
    experiment = dataclasses.replace(experiment, model=model, optimizer=optimizer)
    parts = parts_of(experiment, total_steps)
    steps = (experiment.preprocess, json.dumps(fitted), experiment.tta, experiment.microbatch)
    structure = Structure(parts, *steps, schema, make_layout(experiment.strategy), experiment.log_norms)
    shapes.check_shapes(model, experiment.problem, structure.transform, schema)
    placeholders, arguments = hyperparameters.split(parts)
    program = Program(experiment, dataclasses.replace(structure, parts=placeholders), arguments, total_steps)
    with calling(f"optimizer {type(experiment.optimizer).__name__}", experiment.optimizer):
        state = program.abstract_state()
        checks.check_learning(optimizer, state.params, total_steps)
    check_state_fits(program.layout, state)
    return program
