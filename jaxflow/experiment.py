"""The experiment: everything that decides a run, as one frozen value that a Python file builds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import flax.linen as nn

from jaxflow.data.checks import check_contract
from jaxflow.data.dataset import Dataset
from jaxflow.errors import UserError, perhaps, reason
from jaxflow.experiment_files import call
from jaxflow.field_checks import Part, check_fields
from jaxflow.hyperparameters import COMPLEMENT
from jaxflow.interfaces import (
    Augmentation,
    DataSource,
    Problem,
    Schedule,
    SplitRule,
    TestTimeAugmentation,
    Transform,
)
from jaxflow.models.sequential.layers.layer import Layer
from jaxflow.optimizers.base import AnyOptimizer
from jaxflow.optimizers.schedule_free import is_schedule_free
from jaxflow.patience import EarlyStopping, ReduceOnPlateau
from jaxflow.ranges import Count, Positive, Range, Seed
from jaxflow.runtime.distributed import main_process_first
from jaxflow.serialization import classes_of, flatten, flatten_json, from_json, to_json
from jaxflow.user_code import calling, is_own

# Marks fields that may change when a run is resumed: they decide where and how it runs, not what comes out.
NOT_IDENTITY = {"identity": False}
# Fields that ask for an average of the parameters, of which there can be one.
AVERAGES = ("ema_decay", "average_last")
# What the parts of an experiment are, for the error where a field holds something else.
PARTS = {
    DataSource: Part("a data source", "jaxflow.Digits()"),
    Layer: Part("a layer with __call__(inputs, train)", "jaxflow.layers.Dense(64)", 2),
    nn.Module: Part("a Linen module with __call__(self, inputs, train)", "jaxflow.CNN()", 1, ("train",)),
    Problem: Part("a problem", "jaxflow.Classification()"),
    AnyOptimizer: Part("a jaxflow.Optimizer", "jaxflow.Adam(learning_rate=1e-3)"),
    Transform: Part("a transform with fit() and __call__(fitted, inputs)", "jaxflow.Standardize()", 2),
    Augmentation: Part("an augmentation with __call__(key, example)", "jaxflow.Flip()", 2),
    TestTimeAugmentation: Part("a test-time augmentation with __call__(inputs)", "jaxflow.FlipShift()", 1),
    Schedule: Part("a schedule", "jaxflow.Cosine(warmup_steps=100)"),
    EarlyStopping: Part("early stopping", "jaxflow.EarlyStopping(patience=5)"),
    ReduceOnPlateau: Part("a rule for plateaus", "jaxflow.ReduceOnPlateau(factor=0.1, patience=5)"),
    SplitRule: Part("a split rule", "jaxflow.HoldOut(validation=0.1, test=0.1)"),
}


@dataclass(frozen=True)
class Experiment:
    """What is trained, on what, and how. `--FIELD=VALUE` on the command line changes any field."""

    data: DataSource
    """Where the examples come from and how they are split."""
    model: nn.Module
    """The network; its input and output sizes come from the data."""
    problem: Problem
    """What is solved: loss, predictions and metrics."""
    optimizer: AnyOptimizer
    """The optimizer with its learning-rate schedule, clipping and weight decay."""
    preprocess: tuple[Transform, ...] = ()
    """Transforms of the inputs that are part of the model's program, in order."""
    augment: tuple[Augmentation, ...] = ()
    """Random changes to training batches, in order, after `preprocess`."""
    tta: TestTimeAugmentation | None = None
    """Test-time augmentation, for example FlipShift(): what is evaluated and predicted is the mean over views of an
    input; None for the input alone."""
    batch_size: Count = 32
    """Examples in a training step, over all devices."""
    epochs: Annotated[float, Range(0, 1e9)] = field(default=10, metadata=NOT_IDENTITY)
    """Passes over the training split; may be a fraction, and 0 trains nothing. A run goes on where it ended when it is
    launched with more."""
    early_stopping: EarlyStopping | None = field(default=None, metadata=NOT_IDENTITY)
    """When a run ends before its last epoch, with its best checkpoint as the result; None for never."""
    reduce_on_plateau: ReduceOnPlateau | None = None
    """When the learning rate is lowered beside its schedule; None for never."""
    init_from: str | None = None
    """Weights that training starts from, for fine-tuning: a run folder, of which the best checkpoint is taken, or a
    .safetensors file. They go where the model has the same path and shape; the others are drawn, and logged by name. A
    run that is gone on with does not read them again. None draws all."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """Which examples are drawn: each once in an epoch; or, where some classes are rare, those of every class equally
    often, each of a class's examples once before any twice. An epoch has as many steps either way."""
    seed: Seed = 0
    """Decides initial parameters, order of examples, dropout and augmentation."""
    microbatch: Count | None = None
    """Examples whose gradients are computed at once; a step adds up batch_size / microbatch of them. None: all of a
    device's. Also the unit of batch normalisation's statistics, so that a run of a model with it gives the same numbers
    on any number of devices only where this is set; keys of dropout and augmentation go by row."""
    ema_decay: Annotated[float, Range(0, 1, without=(0, 1))] | None = field(default=None, metadata=COMPLEMENT)
    """Decay of an exponential moving average of the parameters and batch statistics, which is then what is evaluated;
    None for none. It is debiased: the initial parameters have no part in it, however few steps a run has."""
    average_last: Annotated[float, Range(0, 1, without=(0,))] | None = None
    """Fraction of the run, at its end, over whose steps parameters and batch statistics are averaged (SWA), which is
    then what is evaluated, instead of a moving average; None for none."""
    strategy: Literal["pmap", "shard_map", "fsdp"] = field(default="pmap", metadata=NOT_IDENTITY)
    """How a step spreads over several devices; on one device it is plain jit. pmap and shard_map keep the whole state
    on each; fsdp divides parameters, optimizer state and moving average over them, for models that fit on none."""
    data_placement: Literal["auto", "device", "host"] = field(default="auto", metadata=NOT_IDENTITY)
    """Where training batches are gathered: on the device, which then holds the whole split, or on the host. auto takes
    the device where the split is in memory and fits, and no workers are asked for."""
    num_workers: Annotated[int, Range(0, 4096)] = field(default=0, metadata=NOT_IDENTITY)
    """Processes that read and decode batches ahead for the host, by Grain; with 0 a thread makes the next one. The
    batches are the same."""
    log_every_steps: Count = field(default=100, metadata=NOT_IDENTITY)
    """Training steps between two lines of metrics."""
    log_norms: bool = field(default=False, metadata=NOT_IDENTITY)
    """Whether each of them has the norms of gradient, update and parameters, and the fraction of dead units, which no
    example of a batch gives a gradient."""
    validate_every_epochs: Positive = field(default=1, metadata=NOT_IDENTITY)
    """Epochs between two passes over the validation split; each is followed by a checkpoint."""
    checkpoint_every_steps: Count | None = field(default=None, metadata=NOT_IDENTITY)
    """Training steps between two further checkpoints; None for none but those after validation."""
    max_checkpoints: Count = field(default=2, metadata=NOT_IDENTITY)
    """Number of latest checkpoints that are kept, beside the best."""
    max_nonfinite_steps: Count = field(default=10, metadata=NOT_IDENTITY)
    """Steps in a row that may be skipped since gradient or new state are not finite; then the run stops."""
    watchdog_seconds: Positive | None = field(default=None, metadata=NOT_IDENTITY)
    """Longest time without a finished step before the process ends itself, resumable; None for no such limit, or on
    several processes half an hour."""

    def __post_init__(self) -> None:
        check_fields(self, PARTS)
        if self.num_workers and self.data_placement == "device":
            raise UserError(
                f"num_workers is {self.num_workers}, but data_placement 'device' needs none; use data_placement "
                f"'host', "
                "or num_workers 0"
            )
        averages = [f"{name}={getattr(self, name)}" for name in AVERAGES if getattr(self, name) is not None]
        if is_schedule_free(self.optimizer):
            averages.append(f"optimizer={type(self.optimizer).__name__}, which averages too")
        if len(averages) > 1:
            raise UserError(f"two averages of the parameters: {' and '.join(averages)}; what is evaluated is one")
        if self.microbatch and self.batch_size % self.microbatch:
            raise UserError(f"microbatch {self.microbatch} does not divide batch_size {self.batch_size}")


def load(path: str | Path) -> Experiment:
    """Reads an experiment from its Python file.

    Args:
      path: file with a function `get_config() -> Experiment`.

    Returns:
      The experiment as the file has it.

    Raises:
      UserError: the file is missing or broken, or has no such function.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"no experiment file at {path}; --config takes a Python file, for example experiments/digits_cnn.py"
            f"{perhaps(path, lambda other: other.suffix == '.py')}"
        )
    experiment = call(path, "get_config")
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"get_config() in {path} returned {type(experiment).__name__}; it must return a jaxflow.Experiment"
        )
    _check_survives(experiment, path)
    return experiment


def _check_survives(experiment: Experiment, path: Path) -> None:
    """Raises if what is written of an experiment could not be read back as the same."""
    text = json.loads(json.dumps(to_json(experiment)))
    for name, kind in classes_of(experiment).items():
        if "<locals>" in name:
            raise UserError(
                f"{path}: class {kind.__name__} is defined in a function, where no resumed run finds it; "
                "move it to the top of the file"
            )
    written, again = dict(flatten(experiment)), dict(flatten(from_json(text)))
    changed = [name for name in written if name not in again or written[name] != again[name]]
    if changed:
        raise UserError(f"{path}: {changed[0]} is {written[changed[0]]!r}, which is not equal when it is read back")


def differing_leaves(before: Mapping[str, Any], experiment: Experiment) -> list[str]:
    """Returns the fields of a run's identity in which an experiment differs from another, as "field: old -> new".

    Args:
      before: the leaves of the other by dotted name, as `flatten` lists them.
      experiment: the experiment.
    """
    after = dict(flatten(experiment, identity_only=True))
    return [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in [*before, *(set(after) - set(before))]
        if name not in before or name not in after or before[name] != after[name]
    ]


def differing_fields(described: Any, experiment: Experiment) -> list[str]:
    """Returns what `differing_leaves` does, of another experiment as JSON has it; no file of it is executed."""
    return differing_leaves(dict(flatten_json(described, classes_of(experiment))), experiment)


def dumps(experiment: Experiment) -> str:
    """Returns an experiment as JSON text."""
    return json.dumps(to_json(experiment), indent=2) + "\n"


def load_data(experiment: Experiment) -> Dataset:
    """Loads an experiment's data, on process 0 first: what it downloads and decodes is then cached for the others.

    Raises:
      UserError: the data is missing or broken, or does not fit into memory; or a class of the user's own does not
        return what it must.
    """
    name = type(experiment.data).__name__

    def load() -> Dataset:
        try:
            return experiment.data.load()
        except MemoryError as error:
            raise UserError(
                f"the data of {name} do not fit into memory ({reason(error)}); leave them on disk if the source can: "
                "--data.in_memory=False, or use fewer or smaller examples"
            ) from error

    with calling(f"data {name}", experiment.data):
        dataset = main_process_first(load)
        return check_contract(dataset, name) if is_own(experiment.data) else dataset
