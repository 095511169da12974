"""Metrics of classes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.running_metrics import Mean
from jaxflow.ranges import Count, check_ranges


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
