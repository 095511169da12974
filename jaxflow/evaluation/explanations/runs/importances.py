"""What permuting the columns of a table, or the parts of a window, costs a trained model."""

from collections.abc import Callable

import jax
import numpy as np

from jaxflow.data.dataset import shifted_split
from jaxflow.data.spread import evenly_spaced
from jaxflow.evaluation.explanations.importance import permutation_importance, permutations_of
from jaxflow.evaluation.explanations.runs.subject import Subject
from jaxflow.evaluation.explanations.runs.values import Importance
from jaxflow.evaluation.metrics.intervals import Measured
from jaxflow.evaluation.metrics.scores import Units, units_of
from jaxflow.evaluation.units import count_of
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.names import outputs_of_columns

# Permutations of each column; rows that a model predicts for them in all, and rows that are permuted.
REPEATS, MAX_PREDICTED, MAX_ROWS = 5, 300_000, 2000
# Columns that are permuted: of more of them, rows would be too few.
MAX_COLUMNS = 200

Errors = Callable[[np.ndarray], np.ndarray]


def importance_of(subject: Subject, columns: dict[str, list[int]], units: Units) -> Importance:
    """Returns what permuting each column of the test split costs.

    Args:
      subject: the model and its data.
      columns: by name the positions of a column's features in a row's flattened inputs; MAX_COLUMNS at most.
      units: of the test split.
    """
    rows = min(len(subject.test), MAX_ROWS, max(100, MAX_PREDICTED // (2 * REPEATS * len(columns))))
    chosen = evenly_spaced(len(subject.test), rows)
    if subject.dataset.schema.target.kind == "class" and not isinstance(subject.problem, Autoencoding):
        chosen = chosen[subject.test.targets[chosen] >= 0]
    inputs = subject.test.rows(chosen)["inputs"]
    some = units_of(units.index[chosen], units.noun)
    permutations = permutations_of(len(chosen), REPEATS)
    losses = _losses(subject, chosen)
    metric, errors, finish = _metric(subject, chosen, losses)

    def rises(errors_of: Errors, made: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        found = permutation_importance(errors_of, inputs, columns, permutations, units=some, finish=made)
        return np.array([_numbers(each) for each in found.values()])

    main = rises(errors, finish)
    of_loss = main if metric == "loss" else rises(losses, _as_is)
    before = float(finish(np.mean(errors(inputs), dtype=np.float64)))
    return Importance(tuple(columns), metric, main, of_loss, before, REPEATS, len(chosen), count_of(some))


def _metric(subject: Subject, chosen: np.ndarray, losses: Errors) -> tuple[str, Errors, Callable[..., np.ndarray]]:
    """Returns the headline metric as an error: its name, each row's part of it, and what makes it of their mean."""
    target, problem = subject.dataset.schema.target, subject.problem
    targets = subject.test.rows(chosen)["targets"]
    if isinstance(problem, Autoencoding) or target.several:
        return "loss", losses, _as_is
    if target.kind == "class":
        return "error rate", lambda inputs: subject.answers(subject.outputs(inputs)) != targets, _as_is
    columns = outputs_of_columns(getattr(problem, "columns", None)) or {"": list(range(targets.shape[1]))}
    name, some = next(iter(columns.items()))

    def squared(inputs: np.ndarray) -> np.ndarray:
        errors = subject.values(subject.outputs(inputs), chosen) - targets
        return np.square(errors)[:, some].mean(1)

    return f"rmse{name}", squared, np.sqrt


def _losses(subject: Subject, chosen: np.ndarray) -> Errors:
    """Returns (rows, ...) inputs -> (rows,) the loss of each, the mean over its targets that are known."""
    targets, compiled = (
        shifted_split(subject.test, subject.shift).rows(chosen)["targets"],
        jax.jit(subject.problem.losses),
    )

    def losses(inputs: np.ndarray) -> np.ndarray:
        found = np.asarray(compiled(subject.outputs(inputs), targets)).reshape(len(targets), -1)
        if found.shape[1] == 1:
            return found[:, 0]
        known = targets >= 0  # of several classes or labels
        return (found * known).sum(1) / np.maximum(known.sum(1), 1)

    return losses


def _as_is(mean: np.ndarray) -> np.ndarray:
    return mean


def _numbers(measured: Measured) -> tuple[float, float, float]:
    return measured.value, measured.low, measured.high
