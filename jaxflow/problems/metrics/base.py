"""What a metric is, what it sees of a batch, and how a problem's metrics score one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import clu.metrics
import jax
import numpy as np

from jaxflow.errors import UserError
from jaxflow.interfaces import Problem
from jaxflow.problems.names import outputs_of_columns
from jaxflow.problems.running_metrics import Mean


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
        """The classes that are answered, (batch, ...) int32: of logits the maximum, else what `classes_of` says."""
        classes_of = getattr(self.problem, "classes_of", None)
        return self.outputs.argmax(axis=-1) if classes_of is None else classes_of(self.outputs)

    @property
    def of_labels(self) -> bool:
        """Whether each output is that of a label, which has a target of its own that is 0 or 1."""
        return self.targets.shape == self.outputs.shape

    @property
    def log_likelihoods(self) -> jax.Array:
        """Log-probabilities of the targets, (batch, ...) float32 in nats, by the problem's own `log_likelihoods`."""
        computed = getattr(self.problem, "log_likelihoods", None)
        if computed is None:
            raise UserError(
                f"problem {type(self.problem).__name__} has no log_likelihoods(outputs, targets), of which some of its "
                "metrics are computed"
            )
        return computed(self.outputs, self.targets)

    @property
    def probabilities(self) -> jax.Array:
        """Probabilities of the classes, (batch, ..., classes) float32."""
        return self.problem.distribution(self.outputs)


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
        def name(self) -> str:  # noqa: D102 (above)
            ...
        @property
        def higher_is_better(self) -> bool:  # noqa: D102 (above)
            ...
        @property
        def unit(self) -> str:  # noqa: D102 (above)
            ...

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


def metrics_of(problem: Problem) -> dict[str, Metric]:
    """Returns a problem's metrics by name, its loss first; of several columns, "rmse/price" and the like."""
    metrics: tuple[Metric, ...] = problem.metrics
    loss = MeanLoss(getattr(getattr(problem, "loss", None), "unit", ""))
    ends = outputs_of_columns(getattr(problem, "columns", None)) or ("",)
    return {loss.name: loss} | {metric.name + end: metric for metric in metrics for end in ends}


def metric_named(problem: Problem, name: str) -> Metric:
    """Returns the metric of a name such as "loss", "rmse" or "rmse/price", whether the columns are known or not."""
    known = metrics_of(problem)
    return known[name] if name in known else next(m for m in problem.metrics if name.startswith(f"{m.name}/"))


def score(
    problem: Problem, outputs: jax.Array, targets: jax.Array, losses: jax.Array, weights: jax.Array
) -> Mapping[str, clu.metrics.Metric]:
    """Returns the running metrics of a batch by name, the loss first; arguments are those of `ScoredBatch`."""
    parts = {"": ScoredBatch(problem, outputs, targets, losses, weights)}
    scored = {"loss": MeanLoss()(parts[""])}
    if columns := outputs_of_columns(getattr(problem, "columns", None)):
        parts = {
            end: ScoredBatch(cast(Any, problem).part(some), outputs[..., some], targets[..., some], losses, weights)
            for end, some in ((end, np.array(places)) for end, places in columns.items())
        }
    return scored | {metric.name + end: metric(part) for metric in problem.metrics for end, part in parts.items()}
