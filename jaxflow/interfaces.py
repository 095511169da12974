"""What jaxflow expects of the parts that an experiment is put together from, in one file.

A part is a frozen dataclass (a model is a Linen module, which is one too) that has the members listed here; nothing has
to be subclassed. `Experiment` checks its parts against these protocols when it is built, and docs/extend.md has an
example of each. What a member may hold is in the protocol's docstring: shapes have the batch axis first, and `*spatial`
stands for the axes of an image (height, width), a volume (depth, height, width) or a sequence (time,); it is empty
where an example has one target.

Optimizers and tokenizers share code, so they have base classes and no protocol: `jaxflow.Optimizer`
(optimizers/base.py) does clipping, weight decay and schedule and declares the one function to write; `Tokenizer` is in
data/texts/tokenizers.py.

Nothing heavy is imported here, neither Flax nor Optax nor JAX: the code that serves a trained model has none.
Attributes are declared for type checkers alone, since only a protocol of nothing but functions answers `issubclass`,
which the command line asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jax
    import numpy as np

    from jaxflow.data.dataset import Dataset
    from jaxflow.data.splitting.keys import SplitKeys
    from jaxflow.schema import Example, Schema
    from jaxflow.transforms.preprocess import Inputs

# The collection of a model's variables that are computed when it is initialised and never change.
CONSTANTS = "constants"


@runtime_checkable
class DataSource(Protocol):
    """Where examples come from: `jaxflow.Digits()`, `jaxflow.ImageFolder(PATH)`, `jaxflow.Table(PATH, TARGET)`."""

    def load(self) -> Dataset:
        """Reads the data: splits "train", "test" and, where there is one, "validation", and their schema.

        Raises:
          UserError: the data is missing or broken.
        """
        ...


class Model(Protocol):
    """A Linen module: `jaxflow.CNN(widths=(32, 64))`.

    These fields may be present. Those that are None are filled in from the data and the problem:

      outputs: int | None, the number of outputs, `Problem.num_outputs`.
      cardinalities: tuple[int, ...] | None, how many categories each of a table's last columns has.
      vocab_size: int | None, how many tokens there are.
      context: int | None, how many tokens a text has at most.
      per_position: bool | None, whether each position of an example has a target, and so an output.

    And one is read: `init_examples`, an int, how many training inputs the model is initialised with (1 where the field
    is absent). Variables that are computed from these and never trained are put into the collection CONSTANTS.
    """

    def __call__(self, inputs: jax.Array, train: bool) -> jax.Array:
        """Computes raw outputs.

        Args:
          inputs: (batch, ...) as preprocessing returns them.
          train: whether dropout is active and batch statistics are updated.

        Returns:
          (batch, outputs), or (batch, *spatial, outputs) for dense targets; float32.
        """
        ...


@runtime_checkable
class Transform(Protocol):
    """Preprocessing that is part of the model's program: `jaxflow.Scale(0.0, 1.0)`."""

    def fit(self, inputs: Inputs) -> Any:
        """Measures what the transform needs, once, on the host, on the training split alone.

        Args:
          inputs: iterating it yields NumPy arrays (examples, ...), a piece of the split each; `shape`, `dtype` and
            `feature` say what they are.

        Returns:
          Numbers, lists and dicts of them, as JSON holds them. They are saved with every checkpoint.
        """
        ...

    def __call__(self, fitted: Any, inputs: jax.Array) -> jax.Array:
        """Transforms (batch, ...) inputs on the device, given what `fit` returned."""
        ...


@runtime_checkable
class Augmentation(Protocol):
    """A random change of training examples: `jaxflow.Flip()`.

    It changes inputs after preprocessing; one whose class has `raw: ClassVar[bool] = True` changes them before. One
    whose class has `pairs: ClassVar[bool] = True` is called as (key, example, other), with one more of the batch.
    """

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Returns one example with other "inputs" of the same shape and, where they must move along, "targets".

        Args:
          key: random key, the example's own in this step.
          example: as `Batch` says, without the batch axis.
        """
        ...


@runtime_checkable
class TestTimeAugmentation(Protocol):
    """Versions of an input whose outputs are averaged in evaluation and prediction: `jaxflow.FlipShift()`."""

    def __call__(self, inputs: jax.Array) -> Sequence[tuple[float, jax.Array]]:
        """Returns (weight, inputs) pairs of (batch, ...) preprocessed inputs; the weights add up to 1."""
        ...


@runtime_checkable
class Schedule(Protocol):
    """How the learning rate changes over a run: `jaxflow.Cosine(warmup_steps=100)`.

    Attributes:
      warmup_steps: steps over which the learning rate rises linearly from 0 before `factor` applies.
    """

    if TYPE_CHECKING:

        @property
        def warmup_steps(self) -> int:  # noqa: D102 (above)
            ...

    def factor(self, progress: jax.Array) -> jax.Array:
        """Returns the factor of the learning rate, given the fraction of steps past warm-up, a float32 in [0, 1]."""
        ...


@runtime_checkable
class SplitRule(Protocol):
    """Which examples are for training, validation and test: `jaxflow.HoldOut(validation=0.1, test=0.1)`."""

    def split(self, examples: SplitKeys) -> dict[str, np.ndarray]:
        """Returns ascending int64 indices of "train" and of "validation" and "test", where there are such.

        Args:
          examples: their ids, groups, classes and times.
        """
        ...


def output_shape(problem: Problem, schema: Schema) -> tuple[int, ...]:
    """Returns the shape of a model's outputs for one example: (*positions, outputs).

    The positions are those of the target; a problem that has others has a method `output_positions`, of the schema. One
    whose targets are texts of fewer characters than the model answers for frames has `check_lengths`
    (problems/sequences/transcription.py).
    """
    own = getattr(problem, "output_positions", None)
    return (*(schema.target.dense_shape if own is None else own(schema)), problem.num_outputs(schema))


@runtime_checkable
class Problem(Protocol):
    """What is solved: `jaxflow.Classification()`. A loss or a metric can be changed alone."""

    if TYPE_CHECKING:

        @property
        def selection_metric(self) -> str:
            """Name of the metric that decides which checkpoint is the best."""
            ...

        @property
        def metrics(self) -> tuple[Any, ...]:
            """What is measured beside the loss, objects with `name`, `higher_is_better` and `unit`."""
            ...

    def fit(self, targets: np.ndarray) -> Problem:
        """Returns the problem with what it takes from the (examples, ...) training targets filled in."""
        ...

    def num_outputs(self, schema: Schema) -> int:
        """Returns the number of the model's outputs, for an example or for each of its positions.

        Raises:
          UserError: the problem does not fit the data.
        """
        ...

    def losses(self, outputs: jax.Array, targets: jax.Array) -> jax.Array:
        """Returns one float32 loss for each target, neither averaged nor weighted: (batch, *Target.loss_shape).

        Args:
          outputs: (batch, outputs) or (batch, *spatial, outputs), raw, from the model.
          targets: as in `Batch`. A loss where the class is negative must be finite; it counts nowhere.
        """
        ...

    def distribution(self, outputs: jax.Array) -> jax.Array:
        """Converts raw outputs to probabilities, (batch, *spatial, classes), or to values, (batch, values)."""
        ...

    def answer(self, distribution: jax.Array) -> jax.Array:
        """Returns a distribution's class indices, (batch,) or (batch, *spatial), or its values, (batch, values)."""
        ...

    def predictions(self, outputs: jax.Array) -> jax.Array:
        """Returns what tables show of raw outputs: the distribution, or the answer where it is dense."""
        ...

    def running_metrics(
        self, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
    ) -> Mapping[str, Any]:
        """Returns a batch's metrics by name, "loss" first: `jaxflow.Mean.of(losses, weights)` and others that merge.

        Args:
          outputs: as in `losses`.
          targets: as in `losses`.
          losses: what `losses` returned.
          weights: float, of the losses' shape; 0 where there is padding or the class is unknown.
        """
        ...

    def baseline(self, train_targets: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Returns metrics, by name, of predicting `targets` from nothing but the training targets.

        A problem that has `baseline_of_inputs(train, test)` is asked for that of the splits instead
        (problems/sequences/tagging.py).
        """
        ...

    def prediction_table(
        self, schema: Schema, predictions: np.ndarray, targets: np.ndarray | None = None
    ) -> Mapping[str, Sequence[Any] | np.ndarray]:
        """Returns predictions as the columns of a table, by name, (examples,) each; with their targets where known."""
        ...
