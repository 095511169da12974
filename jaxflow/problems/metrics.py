"""Metrics, chosen in the experiment: frozen dataclasses with a name, a direction and a unit that score a batch.

Each returns a running metric, sums that merge over steps, devices and padded batches. A metric of the user's own is
such a dataclass in the experiment file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import clu.metrics
import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.interfaces import Problem
from jaxflow.problems.attributes import ATTRIBUTES, check_attributes
from jaxflow.problems.running_metrics import ExpMean, Mean, MeanDice, MeanIoU, RootMean
from jaxflow.ranges import Count, check_ranges

__all__ = ["MAE", "RMSE", "Accuracy", "Dice", "IoU", "Perplexity", "TopK"]

# Names that a line of metrics.jsonl has beside the metrics.
LOGGED = {"step", "split", "epoch", "learning_rate", "examples_per_second", "step_loss", "skipped"}


@dataclass(frozen=True)
class ScoredBatch:
    """A batch as metrics see it.

    Attributes:
      problem: what is solved.
      outputs: (batch, ..., outputs) raw outputs of the model.
      targets: (batch, ...) as in a batch.
      losses: (batch, ...) one for each target.
      weights: (batch, ...) float, of the losses' shape; 0 where there is padding or the class is unknown.
    """

    problem: Any
    outputs: jax.Array
    targets: jax.Array
    losses: jax.Array
    weights: jax.Array

    @property
    def predicted(self) -> jax.Array:
        """The most likely classes, (batch, ...) int32: the maximum of logits is that of probabilities."""
        return self.outputs.argmax(axis=-1)


@runtime_checkable
class Metric(Protocol):
    """What scores a batch.

    Attributes:
      name: as logs, tables and `selection_metric` have it.
      higher_is_better: whether the best value is the highest; false where it is the lowest.
      unit: of its values; "" where they have none, as fractions do.
    """

    # Declared for type checkers alone: only a protocol of functions answers `issubclass`, which the command line asks.
    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...
        @property
        def higher_is_better(self) -> bool: ...
        @property
        def unit(self) -> str: ...

    def __call__(self, batch: ScoredBatch) -> clu.metrics.Metric:
        """Returns the running metric of one batch."""
        ...


@dataclass(frozen=True)
class MeanLoss:
    """The weighted mean of the losses; every problem has it."""

    unit: str = ""
    """Unit of the losses."""

    name = "loss"
    higher_is_better = False

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of(batch.losses, batch.weights)


@dataclass(frozen=True)
class Accuracy:
    """Fraction of examples, pixels or tokens whose most likely class is the target."""

    name = "accuracy"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of((batch.predicted == batch.targets).astype(jnp.float32), batch.weights)


@dataclass(frozen=True)
class TopK:
    """Fraction of targets that are among the `k` most likely classes; of equally likely ones, the first come first."""

    k: Count = 5
    """How many classes are looked at."""

    higher_is_better = True
    unit = ""

    __post_init__ = check_ranges

    @property
    def name(self) -> str:
        """The name, "top_5" for k = 5."""
        return f"top_{self.k}"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        targets = jnp.maximum(batch.targets, 0).astype(jnp.int32)
        true = jnp.take_along_axis(batch.outputs, targets[..., None], axis=-1)
        classes = jnp.arange(batch.outputs.shape[-1], dtype=jnp.int32)
        first = jax.lax.expand_dims(classes, range(targets.ndim)) < targets[..., None]  # (*targets, classes)
        # Ties go by index, as they do in `argmax`; what is no number is before everything.
        before = ~(batch.outputs < true) & ((batch.outputs != true) | first)
        return Mean.of((before.sum(axis=-1) < self.k).astype(jnp.float32), batch.weights)


@dataclass(frozen=True)
class Perplexity:
    """e to the power of the mean negative log-likelihood of the targets."""

    name = "perplexity"
    higher_is_better = False
    unit = ""

    def __call__(self, batch: ScoredBatch) -> ExpMean:
        """Returns the running metric of one batch."""
        return ExpMean.of(-batch.problem.log_likelihoods(batch.outputs, batch.targets), batch.weights)


@dataclass(frozen=True)
class IoU:
    """Intersection over union of predicted and true pixels, the mean over classes."""

    name = "iou"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> MeanIoU:
        """Returns the running metric of one batch."""
        return MeanIoU.of(batch.predicted, batch.targets, batch.weights, batch.outputs.shape[-1])


@dataclass(frozen=True)
class Dice:
    """Twice the intersection over the sum of predicted and true pixels, the mean over classes."""

    name = "dice"
    higher_is_better = True
    unit = ""

    def __call__(self, batch: ScoredBatch) -> MeanDice:
        """Returns the running metric of one batch."""
        return MeanDice.of(batch.predicted, batch.targets, batch.weights, batch.outputs.shape[-1])


@dataclass(frozen=True)
class RMSE:
    """Root mean squared error, over all targets alike."""

    name = "rmse"
    higher_is_better = False
    unit = "units of the target"

    def __call__(self, batch: ScoredBatch) -> RootMean:
        """Returns the running metric of one batch."""
        return RootMean.of(jnp.square(batch.problem.errors(batch.outputs, batch.targets)), batch.weights)


@dataclass(frozen=True)
class MAE:
    """Mean absolute error, over all targets alike."""

    name = "mae"
    higher_is_better = False
    unit = "units of the target"

    def __call__(self, batch: ScoredBatch) -> Mean:
        """Returns the running metric of one batch."""
        return Mean.of(jnp.abs(batch.problem.errors(batch.outputs, batch.targets)), batch.weights)


def metrics_of(problem: Problem) -> dict[str, Metric]:
    """Returns a problem's metrics by name, its loss first."""
    metrics: tuple[Metric, ...] = problem.metrics
    loss = MeanLoss(getattr(getattr(problem, "loss", None), "unit", ""))
    return {loss.name: loss} | {metric.name: metric for metric in metrics}


def score(
    problem: Problem, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
) -> Mapping[str, clu.metrics.Metric]:
    """Returns the running metrics of a batch by name, the loss first; arguments are those of `ScoredBatch`."""
    batch = ScoredBatch(problem, outputs, targets, losses, weights)
    return {name: metric(batch) for name, metric in metrics_of(problem).items()}


def check_choices(problem: Any, loss: str, metric: str) -> None:
    """Raises UserError if a problem's loss, metrics or selection metric are not what they must be.

    Args:
      problem: with `loss`, `metrics` and `selection_metric`.
      loss: a loss that fits the problem, as it is written, for the message.
      metric: likewise a metric.
    """
    if not callable(problem.loss) or isinstance(problem.loss, type):
        raise UserError(f"problem.loss is {problem.loss!r}; it must be an object, for example jaxflow.losses.{loss}")
    for chosen in problem.metrics if isinstance(problem.metrics, tuple) else ():
        missing = [attribute for attribute in ATTRIBUTES if not hasattr(chosen, attribute)]
        if callable(chosen) and not isinstance(chosen, type) and missing:
            raise UserError(
                f"metric {type(chosen).__name__} has no {' and no '.join(missing)}; add what is missing to its class "
                "(docs/extend.md)"
            )
    if not isinstance(problem.metrics, tuple) or not all(map(_is_metric, problem.metrics)):
        raise UserError(
            f"problem.metrics is {problem.metrics!r}; it must be a tuple, for example (jaxflow.metrics.{metric},)"
        )
    check_attributes(problem.metrics)
    names = ["loss", *(chosen.name for chosen in problem.metrics)]
    if len(set(names)) < len(names):
        raise UserError(f"problem.metrics has {', '.join(names)}; each name may occur once, and loss always does")
    if taken := LOGGED.intersection(names):
        raise UserError(f"problem.metrics has {min(taken)}, which metrics.jsonl has for something else; rename it")
    if problem.selection_metric not in names:
        raise UserError(f"problem.selection_metric is {problem.selection_metric!r}; it is one of {', '.join(names)}")


def _is_metric(value: Any) -> bool:
    return callable(value) and not isinstance(value, type) and all(hasattr(value, name) for name in ATTRIBUTES)
